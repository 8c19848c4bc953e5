"""The rounds' E-step by `autorater distill`: what is held out is not drafted, and a student's set trains the next."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedModel, answer
from tiny_sets import pairs, quick, student

from autorater import AutoRater
from autorater.errors import UsageError
from autorater.messages import Text
from autorater.model import Question
from autorater_evals.distillation import Plan, distill, open_source
from autorater_evals.distillation.plan import Index
from autorater_evals.distillation.prompts import prompt_digest
from autorater_evals.training.drafting import open_drafter
from autorater_evals.training.evaluating import Asking
from autorater_evals.training.rounds import run_rounds
from autorater_evals.training.training import Running
from autorater_evals.trainset import TrainSet, open_set, write_set

WORDS = ["light", "shadow", "edge", "texture", "colour", "tone", "grain", "line", "shape"]
WORDS.extend(["depth", "face", "hand", "sky", "water", "stone", "leaf", "wall", "road"])


def sees(question: Question) -> str:
    """Prefers the brighter image and says so in drawn words; a reader of a rationale believes its last sentence."""
    if question.schema_name == "rederivation":
        told = " ".join(part.text for part in question.conversation.turns[-1].parts if isinstance(part, Text))
        (place,) = re.findall(r"All in all Image (\d)", told)
        return answer(question, preference=f"image_{place}")
    shown = question.conversation.pictures()
    place = 1 + (shown[0].array().mean() < shown[1].array().mean())
    chance = random.Random(f"{shown[0].sha256}{shown[1].sha256}{question.sample}")
    words = " ".join(chance.choice(WORDS) for _ in range(12)).capitalize()
    return answer(question, rationale=f"{words}. All in all Image {place}.", preference=f"image_{place}")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The pairs as labelled data of one's own."""
    (tmp_path / "data").mkdir()
    rows: list[dict[str, Any]] = []
    for number, one in enumerate(pairs().examples()):
        for letter, image in zip("ab", one.candidates, strict=True):
            (tmp_path / "data" / f"{number}{letter}.png").write_bytes(pairs().image(image).read_bytes())
        images = {f"image_{letter}": f"{number}{letter}.png" for letter in "ab"}
        prompt = f"the brighter {WORDS[number]}"
        rows.append({"id": one.item, "prompt": prompt, "preferred": one.label.preferred, **images})
    path = tmp_path / "data" / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def first(tmp_path: Path) -> TrainSet:
    """The pairs as a set that was distilled from these data: items are named as their loader names them."""
    images = {sha256: ("image/png", path.read_bytes()) for sha256, path in pairs().files.items()}
    examples = [one.model_copy(update={"item": f"pairs/{one.item}"}) for one in pairs().examples()]
    return write_set(tmp_path / "first", examples, images, {}, described="")


def test_a_round_trains_on_what_the_last_student_drafted(data: Path, first: TrainSet, tmp_path: Path) -> None:
    teachers: list[str] = []

    def opened(name: str) -> ScriptedModel:
        teachers.append(Path(name).name)
        return ScriptedModel(sees, name="scripted:student")

    items, draft = open_drafter(str(data), first, opened=opened)
    assert [item.id for item in items.items] == [one.item for one in first.examples("train")]
    running = Running(device="cpu", asking=Asking(max_output_tokens=16))
    found = run_rounds(first, items, draft, str(student()), tmp_path / "out", quick(steps=1), rounds=2, running=running)
    assert teachers == ["round-1"]
    drafted = found.rounds[1].fitted
    # One row for each order of a pair, or for one of them; nothing of what is held out.
    assert drafted.examples in (12, 24)
    assert drafted.left_out == 0
    after = [training.after for training in found.rounds]
    assert all(phase is not None and phase.likelihood.label.n == 6 for phase in after)


def test_a_student_that_drafts_nothing_usable_is_said(data: Path, first: TrainSet, tmp_path: Path) -> None:
    items, draft = open_drafter(str(data), first, opened=lambda _: ScriptedModel(lambda _: "no JSON"))
    with pytest.raises(UsageError):
        run_rounds(
            first,
            items,
            draft,
            str(student()),
            tmp_path / "out",
            quick(steps=1),
            rounds=2,
            running=Running(device="cpu", asking=Asking(max_output_tokens=16)),
        )


def test_the_next_set_is_made_as_the_first_was(data: Path, tmp_path: Path) -> None:
    """Else what the first set was kept clear of would be trained on by the second student."""
    plan = Plan(variants=("free",), tries=2, step=2.0, without=("near-duplicate",), holdout=(0.0, 0.2), seed=3)
    against = (Index(benchmark="elsewhere", prompts=(prompt_digest(f"the brighter {WORDS[0]}"),), images=()),)

    def rater(log: Path) -> AutoRater:
        return AutoRater(ScriptedModel(sees), tools="none", protocol="autorater-paper", log=log)

    plan = plan.model_copy(update={"allow_leakage": True})
    distill(open_source(str(data)), rater, tmp_path / "made", plan=plan, against=against)
    made = open_set(tmp_path / "made")
    items, draft = open_drafter(str(data), made, opened=lambda _: ScriptedModel(sees))
    assert "pairs/pair-0" in {item.id for item in items.items}  # it is not held out: the filter must throw it out
    drafted = draft(items, "transformers:round-1", out=tmp_path / "drafted")
    assert list(drafted.card["against"]) == ["elsewhere"]
    counts = {one["filter"]: (one["came"], one["went"]) for one in drafted.card["filters"]}
    assert counts["contamination"][0] - counts["contamination"][1] == 1
    assert drafted.card["plan"] == {**made.card["plan"], "holdout": [0.0, 0.0]}
