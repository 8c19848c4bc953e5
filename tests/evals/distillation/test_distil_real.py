"""Real pictures and labels with a scripted teacher, which says so on the card: labels are real, rationales are not."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from teaching import block_of, teach, writer

from autorater.model import Question
from autorater_evals.distillation import Plan, check
from autorater_evals.trainset import open_set

REAL = Path(__file__).parents[3].parent / "shared" / "data"
DATA, PHOTOGRAPHS = REAL / "avt-ai-images", REAL / "biq2021-subset"


@pytest.mark.skipif(not (DATA / "pairs.jsonl").is_file(), reason=f"no {DATA.name}: not here")
def test_real_pairs_and_ratings_become_a_set_whose_card_its_log_gives(tmp_path: Path) -> None:
    plan = Plan(variants=("free",), tries=2, tie_gap=0.2)
    found, model = teach("avt", tmp_path / "set", folder=DATA, limit=24, plan=plan, script=writer())
    assert model.name.startswith("scripted:")
    card = found.card
    assert card["teacher"]["scripted"]
    rows = {row["filter"]: (row["came"], row["went"]) for row in card["filters"]}
    assert rows["usable"][0] == card["items"] == 48
    kept = list(open_set(tmp_path / "set").examples()) if not found.stopped else []
    assert len(kept) == rows["rationale"][1] > 30, found.stopped
    assert Counter(one.task for one in kept).keys() == {"compare", "rate"}
    assert card["positions"]["free"]["balanced"]
    by_cluster = {one.cluster: {other.split for other in kept if other.cluster == one.cluster} for one in kept}
    assert all(len(splits) == 1 for splits in by_cluster.values())
    for one in kept:
        told = json.loads(one.completion)
        if one.label.score is not None:
            assert abs(told["score"] - one.label.score) <= 1
        else:
            assert one.label.gap is not None
            assert (one.label.preferred == "tie") == (abs(one.label.gap) <= 0.2)
    assert check(tmp_path / "set").differing == ()


@pytest.mark.skipif(not (PHOTOGRAPHS / "items.jsonl").is_file(), reason=f"no {PHOTOGRAPHS.name}: not here")
def test_real_photographs_without_a_licence_become_a_set_for_research(tmp_path: Path) -> None:
    def usual(told: dict[str, Any], question: Question) -> dict[str, Any]:
        """Without the label, a score as most photographs have it."""
        if not block_of(question) and "score" in told:
            score = 6 + int(question.conversation.pictures()[0].sha256, 16) % 4
            told |= {
                "score": score,
                "rationale": f"{told['rationale'].partition(' All in all')[0]} All in all {score}.",
            }
        return told

    plan = Plan(tries=2)
    given: dict[str, Any] = {"folder": PHOTOGRAPHS, "research": True, "tools": "sharpness", "plan": plan}
    found, _ = teach("biq2021", tmp_path / "set", script=writer(usual), **given)
    card = found.card
    assert found.stopped == ""
    assert (card["source"]["benchmark"], card["source"]["research"]) == ("biq2021", True)
    assert card["teacher"]["scripted"]
    rows = {row["filter"]: (row["came"], row["went"]) for row in card["filters"]}
    assert (rows["usable"], rows["near-duplicate"], rows["rationale"]) == ((100, 100), (100, 100), (200, 200))
    assert not any(row["off"] for row in card["filters"])
    assert card["leakage"]["passed"]
    # No photograph hangs together with another by the words that all of them have in place of a prompt.
    assert {name: one["components"] for name, one in card["splits"].items()} == {
        "train": 80, "validation": 10, "test": 10,
    }  # fmt: skip
    kept = list(open_set(tmp_path / "set").examples())
    assert Counter(one.id.rpartition("/")[2] for one in kept) == {"tools": 100, "free": 100}
    assert all(abs(json.loads(one.completion)["score"] - (one.label.score or 0)) <= 1 for one in kept)
    assert check(tmp_path / "set").differing == ()
