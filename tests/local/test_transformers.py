"""The local model on a tiny LLaVA: real processor, real generation, constrained to the schema."""

import asyncio
import json
import math
import time
from pathlib import Path
from typing import Any, cast

import pytest
from local_questions import Essay, Label, Small, ask, noise, question
from PIL import Image as Pillow

from autorater import AutoRater
from autorater.checklist import default_checklist
from autorater.distribution import label_distribution
from autorater.image import open_picture
from autorater.messages import Image, Text, Turn
from autorater.model import Model, Question, Reply, Sampling, open_model
from autorater.replay import replay
from autorater.verdict import parse_verdict, verdict_schema

torch = pytest.importorskip("torch", reason="the extra transformers is not installed")
pytest.importorskip("llguidance", reason="the extra transformers is not installed")
pytestmark = pytest.mark.usefixtures("one_thread")
LEFT, RIGHT = noise(1), noise(2)


@pytest.mark.parametrize("seed", range(8))
def test_random_weights_fill_the_schema(local: Model, seed: int) -> None:
    reply = ask(local, question(LEFT, RIGHT, temperature=1.5, seed=seed))
    Small.model_validate_json(reply.text)
    assert list(json.loads(reply.text)) == ["observations", "winner", "score"]
    assert reply.finish == "stop"
    assert reply.usage.output == len(reply.raw["output_ids"]) > 10
    assert reply.usage.input > 2 * 16  # the tokens of two images, and the text
    assert reply.warnings == ()
    assert reply.served_by.startswith("tiny-llava@")
    assert (reply.raw["device"], reply.raw["dtype"]) == ("cpu", "float32")


def test_greedy_is_the_same_every_time_and_leaves_the_process_alone(local: Model, llava: Path) -> None:
    state = torch.random.get_rng_state()
    first = ask(local, question(LEFT, RIGHT))
    torch.rand(3)
    again = ask(local, question(LEFT, RIGHT, temperature=0.0))
    fresh = ask(open_model(f"transformers:{llava}", device="cpu"), question(LEFT, RIGHT, seed=5))
    assert first == again == fresh
    torch.random.set_rng_state(state)
    ask(local, question(LEFT, RIGHT, temperature=1.0, seed=1))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_seed_names_the_draw_and_a_sample_moves_it_on(local: Model) -> None:
    def text(**settings: Any) -> str:
        return ask(local, question(LEFT, temperature=1.0, **settings)).text

    assert text(seed=3) == text(seed=3)
    assert text(seed=3) != text(seed=4)
    assert text(seed=3) != text(seed=3, sample=1) == text(seed=3, sample=1)
    assert text(seed=-1) == text(seed=-1)
    assert text(seed=2**70)
    assert len({text() for _ in range(4)}) > 1


def test_every_question_is_drawn_by_a_seed_of_its_own(local: Model) -> None:
    """Images hardly change what random weights say: by one seed for all, all answers would be worded alike."""
    asked = [question(noise(number), temperature=1.0, seed=0) for number in range(4)]
    said = [ask(local, one).text for one in asked]
    assert len(set(said)) == 4
    assert [ask(local, one).text for one in asked] == said


def test_the_order_and_the_pixels_of_images_matter(local: Model) -> None:
    def label(*pictures: Any) -> dict[str, float]:
        tokens = ask(local, question(*pictures, form=Label)).tokens
        return next(token.top for token in tokens if len(token.top) > 1)

    assert label(LEFT, RIGHT) == label(LEFT, RIGHT)
    answers = [label(LEFT, RIGHT), label(RIGHT, LEFT), label(LEFT, LEFT), label(LEFT), label(noise(3), RIGHT), label()]
    assert len({json.dumps(answer, sort_keys=True) for answer in answers}) == len(answers)


def test_log_probabilities_are_those_of_the_network(local: Model, llava: Path) -> None:
    """Against a plain forward pass over the same prompt, made by transformers' own one-call chat template."""
    import transformers

    reply = ask(local, question(LEFT, RIGHT, form=Label))
    place = next(index for index, token in enumerate(reply.tokens) if len(token.top) > 1)
    processor: Any = cast("Any", transformers.AutoProcessor).from_pretrained(llava, local_files_only=True)
    network: Any = cast("Any", transformers.LlavaForConditionalGeneration).from_pretrained(llava, dtype=torch.float32)
    turns = [
        {"role": "system", "content": [{"type": "text", "text": "You judge images."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Which is better?"},
                {"type": "image", "image": LEFT.rgb()},
                {"type": "image", "image": RIGHT.rgb()},
            ],
        },
    ]
    inputs = processor.apply_chat_template(
        turns, tokenize=True, return_dict=True, return_tensors="pt", add_generation_prompt=True
    )
    assert inputs["input_ids"].shape[1] == reply.usage.input
    said = torch.tensor([reply.raw["output_ids"][:place]])
    inputs["input_ids"] = torch.cat([inputs["input_ids"], said], dim=1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    with torch.inference_mode():
        logits = network(**inputs).logits[0, -1].double()
    words = {text: processor.tokenizer.convert_tokens_to_ids(text) for text in reply.tokens[place].top}
    expected = torch.log_softmax(logits[list(words.values())], dim=0).tolist()
    for text, chance in zip(words, expected, strict=True):
        assert reply.tokens[place].top[text] == pytest.approx(chance, abs=1e-4)


def test_tokens_spell_the_answer_and_their_chances_add_up(local: Model) -> None:
    reply = ask(local, question(LEFT, RIGHT, temperature=1.2, seed=7))
    assert "".join(token.text for token in reply.tokens) == reply.text
    assert len(reply.tokens) == reply.usage.output
    for token in reply.tokens:
        assert token.logprob == token.top[token.text] <= 0.0
        assert 1 <= len(token.top) <= 21
        assert sum(map(math.exp, token.top.values())) <= 1 + 1e-9
    assert reply.tokens[0].logprob == 0.0  # nothing but the opening of the object fits there
    greedy = ask(local, question(LEFT, RIGHT, form=Label))
    assert all(token.logprob == max(token.top.values()) for token in greedy.tokens)
    choice = next(token for token in greedy.tokens if len(token.top) > 1)
    assert sum(map(math.exp, choice.top.values())) == pytest.approx(1.0)
    assert set(choice.top) >= {"A", "B", "t"}
    assert ask(local, question(LEFT, logprobs=False)).tokens == ()


def test_the_distribution_over_labels_does_not_depend_on_the_draw(local: Model) -> None:
    labels = ("A", "B", "tie")
    replies = [ask(local, question(LEFT, RIGHT, form=Label, temperature=2.0, seed=seed)) for seed in range(8)]
    assert len({reply.text for reply in replies}) > 1
    first, *others = [label_distribution(reply.tokens, "winner", labels) for reply in replies]
    assert first is not None
    assert sum(first.values()) == pytest.approx(1.0)
    assert all(other == pytest.approx(first) for other in others)


@pytest.mark.parametrize("limit", [1, 5])
def test_too_few_tokens_end_by_length(local: Model, limit: int) -> None:
    whole, cut = ask(local, question(LEFT)), ask(local, question(LEFT, max_output_tokens=limit))
    assert cut.finish == "length"
    assert cut.usage.output == limit
    assert whole.text.startswith(cut.text)


def test_a_repair_turn_is_part_of_the_prompt(local: Model) -> None:
    then = (Turn("assistant", (Text("no JSON"),)), Turn("user", (Text("Answer in JSON."), Image(RIGHT))))
    longer = ask(local, question(LEFT, then=then))
    Small.model_validate_json(longer.text)
    assert longer.usage.input > ask(local, question(LEFT)).usage.input + 16


def test_a_large_picture_is_scaled_and_an_odd_file_is_seen_as_everyone_sees_it(local: Model) -> None:
    wide = open_picture(Pillow.new("L", (5000, 3)))
    transparent = open_picture(Pillow.new("RGBA", (8, 8), (255, 0, 0, 0)))
    white = open_picture(Pillow.new("RGB", (8, 8), "white"))
    Small.model_validate_json(ask(local, question(wide)).text)
    assert ask(local, question(transparent)).tokens == ask(local, question(white)).tokens


def test_half_precision_and_the_nothing_it_prints(llava: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reply = ask(open_model(f"transformers:{llava}", device="cpu", dtype="bfloat16"), question(LEFT))
    Small.model_validate_json(reply.text)
    assert reply.raw["dtype"] == "bfloat16"
    assert capfd.readouterr() == ("", "")


def test_many_at_once_share_one_lane(local: Model) -> None:
    asked = [question(LEFT, temperature=1.0, seed=seed) for seed in range(6)]

    async def together() -> list[Reply]:
        return await asyncio.gather(*(local.ask(one) for one in asked))

    assert asyncio.run(together()) == [ask(local, one) for one in asked]


def test_cancelling_frees_the_lane(local: Model) -> None:
    begun = time.perf_counter()
    ask(local, question(LEFT, form=Essay, max_output_tokens=700))
    whole = time.perf_counter() - begun

    async def give_up() -> Reply:
        task = asyncio.ensure_future(local.ask(question(LEFT, form=Essay, max_output_tokens=700)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await local.ask(question(LEFT, form=Label))

    begun = time.perf_counter()
    assert asyncio.run(give_up()).finish == "stop"
    assert time.perf_counter() - begun < whole


def test_closing_frees_the_weights_and_asking_loads_them_again(llava: Path) -> None:
    model = open_model(f"transformers:{llava}", device="cpu")
    before = ask(model, question(LEFT))
    asyncio.run(cast("Any", model).close())
    assert cast("Any", model)._loaded is None
    assert ask(model, question(LEFT)) == before


def test_a_judged_pair_replays_without_the_model(llava: Path, tmp_path: Path) -> None:
    settings = Sampling(temperature=1.0, seed=1, max_output_tokens=6000)
    with AutoRater(
        f"transformers:{llava}",
        tools="none",
        protocol="autorater-paper",
        order="both",
        sampling=settings,
        log=tmp_path / "run",
    ) as rater:
        judgment = rater.compare(LEFT.data, RIGHT.data, prompt="a cat on a mat")
    assert judgment.outcome in ("scored", "tie")
    assert all(each.usage.input > 0 for each in judgment.passes)
    (replayed,) = replay(tmp_path / "run")
    assert replayed.identical
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or str(llava.parent).encode() not in path.read_bytes()


@pytest.mark.parametrize(("task", "edit"), [("rate", False), ("compare", True), ("check", False)])
def test_every_schema_of_ours_is_enforced(local: Model, task: Any, edit: bool) -> None:
    checklist = default_checklist(edit=edit)
    schema = verdict_schema(task, checklist=checklist, edit=edit)
    asked = question(LEFT, RIGHT, temperature=1.0, seed=2, max_output_tokens=12_000, logprobs=False)
    reply = ask(local, Question(asked.conversation, task, schema, sampling=asked.sampling))
    parse_verdict(reply.text, task=task, checklist=checklist, order=(0, 1) if task == "compare" else (0,))
    assert reply.finish == "stop"
