"""The likelihood of rationale and label, against the loss that transformers computes for the same tokens."""

from itertools import pairwise

import pytest
from tiny_sets import collate, pairs, quick, student, textures

from autorater.errors import RecordError
from autorater_evals.training.likelihood import decision_span, likelihood
from autorater_evals.training.rows import make_dataset, make_rows
from autorater_evals.training.student import open_student

torch = pytest.importorskip("torch", reason="the extra training is not installed")


@pytest.mark.parametrize(
    ("completion", "decision"),
    [
        ('{"rationale": "so", "preference": "image_1"}', '"image_1"'),
        ('{"rationale": "\\"preference\\": \\"tie\\"}", "preference": "image_2"}', '"image_2"'),
        ('{"rationale":"so","score":10}', "10"),
        ('{"checklist": {"one": {"image_1": "yes"}}, "rationale": "so"}', '"checklist": {"one": {"image_1": "yes"'),
    ],
)
def test_the_decision_is_found(completion: str, decision: str) -> None:
    start, end = decision_span(completion)
    assert completion[start:end] == decision


def test_an_answer_without_a_decision_is_refused() -> None:
    with pytest.raises(RecordError, match="holds no decision"):
        decision_span('{"rationale": "so"}')


@pytest.mark.parametrize("kind", ["pairs", "textures"])
def test_both_parts_are_the_log_probabilities_of_their_tokens(kind: str) -> None:
    """The collator of TRL and the loss of transformers are the oracle: mean loss x tokens = minus the sum."""
    data = pairs() if kind == "pairs" else textures()
    examples = list(data.examples("test"))[:3]
    opened = open_student(str(student()), quick(), device="cpu")
    found = likelihood(opened, examples, data)
    tokenizer = opened.processor.tokenizer
    rows = make_rows(examples, opened.processor, name="tiny")
    dataset = make_dataset(rows, data, opened.served.capability.fit)
    whole, of_labels, words = list[float](), list[float](), list[int]()
    for example, row in zip(examples, dataset, strict=True):
        batch = collate(opened.processor, row)
        answer: list[int] = [token for token in batch["labels"][0].tolist() if token != -100]
        texts = [tokenizer.decode(answer[:place]) for place in range(len(answer) + 1)]
        start, end = decision_span(example.completion)
        inside = [len(one) < end and len(other) > start for one, other in pairwise(texts)]
        before = [len(other) <= start for other in texts[1:]]
        first = len(batch["labels"][0]) - len(answer)
        sums: list[float] = []
        for kept in (inside, before):
            labels = torch.full_like(batch["labels"], -100)
            for place, keep in enumerate(kept):
                if keep:
                    labels[0, first + place] = answer[place]
            with torch.inference_mode():
                loss = opened.network(**{**batch, "labels": labels}).loss
            sums.append(-float(loss) * sum(kept))
        of_labels.append(sums[0])
        whole.append(sums[1])
        words.append(sum(before))
    assert found.label.value == pytest.approx(sum(of_labels) / 3, rel=1e-4)
    assert found.rationale.value == pytest.approx(sum(whole) / 3, rel=1e-4)
    per_token = [total / count for total, count in zip(whole, words, strict=True)]
    assert found.rationale_per_token.value == pytest.approx(sum(per_token) / 3, rel=1e-4)
    assert found.label.n == found.label.total == 3
    assert found.label.interval is not None
