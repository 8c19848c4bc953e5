"""How likely a student finds the answers of a set: the rationale, and the label after it (paper 001, eq. 3 and 4).

log p(answer) = log p(rationale | images, prompt) + log p(label | rationale, images, prompt), each the sum of the log
probabilities of its tokens (nats), as the network gives them without a schema's mask.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from autorater.canonical import Record
from autorater.errors import RecordError
from autorater.progress import progress_bar
from autorater_evals.figure import Figure
from autorater_evals.statistics.missing import mean_figure
from autorater_evals.training.rows import Row, make_rows, pixels
from autorater_evals.training.student import Student
from autorater_evals.trainset import Example, TrainSet

_DECISION = re.compile(r'"(?:score|preference)"\s*:\s*("[^"]*"|\d+)\s*}\s*$')


class Likelihood(Record):
    """Means over examples, in nats; higher is likelier, 0 is sure."""

    rationale: Figure
    """log p of everything before the decision."""
    label: Figure
    """log p of the decision, given the rationale."""
    rationale_per_token: Figure
    tokens: int
    """Tokens of all answers."""


def decision_span(completion: str) -> tuple[int, int]:
    """Where the decision stands in an answer (characters): its value, or the checklist of one without a decision.

    Raises RecordError when there is neither.
    """
    if found := _DECISION.search(completion):
        return found.span(1)
    try:
        checklist = json.loads(completion)["checklist"]
    except (ValueError, KeyError, TypeError):
        raise RecordError(f"an answer of the set holds no decision: {completion[-80:]!r}") from None
    start = completion.index('"checklist"')
    last = max((completion.rindex(json.dumps(name), start) for name in checklist), default=start)
    return start, completion.index("}", last)


def likelihood(student: Student, examples: Sequence[Example], trainset: TrainSet) -> Likelihood:
    """The likelihood of the examples' answers under the student, on the device where its weights are."""
    import torch

    rows = make_rows(examples, student.processor, name=student.name)
    network = student.network.eval()
    found: list[tuple[float, float, int, int]] = []
    with progress_bar("likelihood of answers", len(rows)) as bar, torch.inference_mode():
        for example, row in zip(examples, rows, strict=True):
            found.append(_one(student, network, row, example, trainset))
            bar.advance()
    rationale, label, words, _ = (np.array(column, dtype=np.float64) for column in zip(*found, strict=True))
    clusters = [example.cluster for example in examples]

    def mean(values: Any, measure: str) -> Figure:
        return mean_figure(values, measure=measure, clusters=clusters, worst=None, best=None)

    return Likelihood(
        rationale=mean(rationale, "log_likelihood_rationale"),
        label=mean(label, "log_likelihood_label"),
        rationale_per_token=mean(rationale / np.maximum(words, 1), "log_likelihood_rationale_per_token"),
        tokens=sum(one[2] + one[3] for one in found),
    )


def _one(
    student: Student, network: Any, row: Row, example: Example, trainset: TrainSet
) -> tuple[float, float, int, int]:
    """Log p of the rationale and of the label, and their numbers of tokens."""
    import torch

    processor, limits = student.processor, student.served.capability.fit
    images = [pixels(trainset, sha256, limits) for sha256 in row.images]
    prompt: Any = processor(
        text=[row.prompt], images=[images] if images else None, add_special_tokens=False, return_tensors="pt"
    )
    answer: Any = processor.tokenizer(row.completion, add_special_tokens=False, return_offsets_mapping=True)
    ids = torch.tensor([answer["input_ids"]])
    inputs = dict(prompt.to(network.device, dtype=network.dtype))
    for name in ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"):
        if name in inputs:
            fill = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}.get(name, torch.zeros_like(ids))
            inputs[name] = torch.cat([inputs[name], fill.to(network.device)], dim=1)
    logits = network(**inputs).logits[0, -len(ids[0]) - 1 : -1].float()
    chances: Any = torch.log_softmax(logits, dim=-1).gather(1, ids[0].to(logits.device)[:, None])[:, 0].cpu().numpy()
    start, end = decision_span(example.completion)
    spans = np.array(answer["offset_mapping"])
    # A token that touches the decision is the label's; what follows it ends the answer and the turn, and is neither's.
    label, rationale = (spans[:, 0] < end) & (spans[:, 1] > start), spans[:, 1] <= start
    return float(chances[rationale].sum()), float(chances[label].sum()), int(rationale.sum()), int(label.sum())
