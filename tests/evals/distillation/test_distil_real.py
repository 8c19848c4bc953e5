"""Real pictures and labels with a scripted teacher, which says so on the card: labels are real, rationales are not."""

import json
from collections import Counter
from pathlib import Path

import pytest
from teaching import teach, writer

from autorater_evals.distillation import Plan, check
from autorater_evals.trainset import open_set

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "avt-ai-images"
pytestmark = pytest.mark.skipif(not (DATA / "pairs.jsonl").is_file(), reason=f"no {DATA.name}: real data are not here")


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
