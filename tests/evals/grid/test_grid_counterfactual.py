"""What-ifs: what the record answers equals a fresh run with those settings; the rest is counted and not guessed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from grid_world import POOL, Rightness, base_of, judge_of, load_pairs, make_pairs, search_of
from judging import said_to
from pictures import png
from scripted import ScriptedModel, answer

from autorater import AutoRater
from autorater.embedded import read_coefficients
from autorater.errors import UsageError
from autorater.judgment import Judgment
from autorater.model import Question, Sampling
from autorater.retrying import Retries
from autorater_evals.grid.answered import Counterfactual
from autorater_evals.grid.changes import Changes, read_checklist_weights, read_names, read_order, read_weights
from autorater_evals.grid.counterfactual import what_if
from autorater_evals.grid.rejudging import Rejudging, rejudge
from autorater_evals.grid.search import make_plan, run_grid
from autorater_evals.recorded import Evaluated, open_run
from autorater_evals.running import judge_items

QUICK = Retries(attempts=1, first_wait=0, longest_wait=0)
TOOLS = "exposure,sharpness"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("pairs") / "data", prompts=5)


def _leaning(question: Question) -> str:
    """Prefers the first image of some pairs in either order, the same image of others; repeats differ."""
    if question.schema_name == "selection":
        return answer(question, specialists=["exposure"])
    pictures = [picture.sha256 for picture in question.conversation.pictures()[-2:]]
    number = int(min(pictures)[:4], 16) + question.sample + len(said_to(question)) % 3
    told = ("image_1", "image_2", "tie")[number % 3] if number % 2 else f"image_{1 + (pictures[0] > pictures[1])}"
    return answer(question, preference=told)


def _run(folder: Path, log: Path, **options: Any) -> Evaluated:
    header, items = load_pairs(folder)
    told: dict[str, Any] = {"tools": TOOLS, "cache": False, "retries": QUICK, "log": log, **options}
    model = told.pop("model", None) or ScriptedModel(_leaning)
    run, _ = judge_items(header, items, lambda: AutoRater(model, **told), data=folder, log=log, concurrency=4)
    return run


def _plain(judgment: Judgment) -> dict[str, Any]:
    """All of a judgment but who made it and how long it took."""
    told = judgment.model_dump(exclude={"judged_by", "selection"})
    for one in told["assessments"]:
        del one["provenance"]
    return told


def _rejudged(run: Evaluated, changes: Changes) -> tuple[dict[str, dict[str, Any]], Rejudging]:
    rejudging, found = Rejudging(run, changes), dict[str, dict[str, Any]]()
    rejudge(rejudging, lambda judgment: found.update({judgment.id: _plain(judgment)}))
    return found, rejudging


def _fresh(run: Evaluated) -> dict[str, dict[str, Any]]:
    return {judgment.id: _plain(judgment) for judgment in run.judgments()}


@pytest.mark.parametrize(
    ("recorded", "changes", "fresh"),
    [
        ({"order": "both"}, {"order": "given"}, {"order": "given"}),
        ({"order": "both"}, {"order": "random"}, {"order": "random"}),
        (
            {"samples": 3, "sampling": Sampling(temperature=0.7)},
            {"samples": 2},
            {"samples": 2, "sampling": Sampling(temperature=0.7)},
        ),
        (
            {"samples": 2, "order": "both", "sampling": Sampling(temperature=0.7)},
            {"samples": 1, "order": "given"},
            {"samples": 1, "order": "given", "sampling": Sampling(temperature=0.7)},
        ),
        ({"tools": "auto"}, {"order": "given"}, {"tools": "auto", "order": "given"}),
        ({}, {"criterion": "sharpness.detail"}, {"model": "embedded", "criterion": "sharpness.detail"}),
        ({}, {"criterion": "overall"}, {"model": "embedded"}),
    ],
)
def test_a_changed_judge_says_what_a_fresh_run_says(
    folder: Path, tmp_path: Path, recorded: Mapping[str, Any], changes: Mapping[str, Any], fresh: Mapping[str, Any]
) -> None:
    before = _run(folder, tmp_path / "before", **recorded)
    found, rejudging = _rejudged(before, Changes.model_validate(changes))
    assert rejudging.needs.items == 0
    assert found == _fresh(_run(folder, tmp_path / "fresh", **fresh))
    assert found != _fresh(before)


def test_the_embedded_judge_without_a_specialist_and_with_other_weights(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    make_pairs(folder, prompts=2, each=1)
    for number, path in enumerate(sorted(folder.glob("*.png"))):
        path.write_bytes(png(number, width=224, height=224))
    tools = "generated_quality,brisque"
    before = _run(folder, tmp_path / "before", model="embedded", tools=tools, cache=True)
    found, rejudging = _rejudged(before, Changes(drop=("brisque",)))
    assert rejudging.needs.items == 0
    fresh = _run(folder, tmp_path / "fresh", model="embedded", tools="generated_quality", cache=True)
    assert found == _fresh(fresh)
    weights = read_weights(["appeal.offset=0.5", "appeal.brisque=0.9"], read_coefficients())
    found, _ = _rejudged(before, Changes(weights=weights))
    was = _fresh(before)
    assert all(one["dimensions"] != was[id]["dimensions"] for id, one in found.items())
    same = read_weights(["overall_tau=0.25"], read_coefficients())
    assert _rejudged(before, Changes(weights=same))[0] == was


def test_what_a_vlm_was_not_shown_is_counted_and_not_guessed(folder: Path, tmp_path: Path) -> None:
    run = _run(folder, tmp_path / "run", samples=2)
    for changes, calls in (
        (Changes(drop=("sharpness",)), 10 * 2 * 2),
        (Changes(keep=()), 10 * 2 * 2),
        (Changes(samples=3), 10 * 2),
        (Changes(protocol="autorater-paper", order="given"), 10 * 2),
        (Changes(model="scripted:other"), 10 * 2 * 2),
    ):
        found = what_if(run, changes)
        assert found.rows == ()
        assert found.missing is not None
        assert (found.missing.calls, found.missing.looks, found.missing.items) == (calls, 0, 10)
        assert not all(one.exactly for one in found.answered)
    one_order = _run(folder, tmp_path / "given", order="given")
    found = what_if(one_order, Changes(order="both", tie_rule="strict"))
    assert found.missing is not None
    assert found.missing.calls == 10
    assert [(one.change, one.exactly) for one in found.answered] == [("order both", False), ("tie rule strict", True)]


def test_a_reading_that_is_not_recorded_needs_looks(folder: Path, tmp_path: Path) -> None:
    run = _run(folder, tmp_path / "run", tools="exposure")
    found = what_if(run, Changes(criterion="sharpness.detail"))
    assert found.missing is not None
    assert (found.missing.looks, found.missing.calls, found.missing.cost) == (20, 0, 0.0)
    with pytest.raises(UsageError, match="the recording holds nothing of 'sharpness'"):
        what_if(run, Changes(drop=("sharpness",)))


def test_within_a_grid_another_subset_is_recorded(tmp_path: Path) -> None:
    data = make_pairs(tmp_path / "data", prompts=6, each=1)
    search = search_of(data, tmp_path / "grid", pool=POOL[2:])
    with base_of(judge_of(data, lambda names: len(names) / 2), POOL[2:]) as base:
        result = run_grid(search, base, make_plan(search, base))
    subsets = tmp_path / "grid" / "subsets"
    found = what_if(open_run(subsets / "exposure+sharpness"), Changes(drop=("exposure", "sharpness")))
    values = {one.specialists: one.whole.value for one in result.tried}
    assert found.missing is None
    assert found.rows[0].before.value == values[POOL[2:]] == 1.0
    assert found.rows[0].after.value == values[()] == 0.0
    assert found.rows[0].difference is not None
    assert found.rows[0].difference.figure.value == -1.0
    assert what_if(open_run(subsets / "none"), Changes(keep=("sharpness",))).rows[0].after.value == values[POOL[3:]]


def _always(share: float) -> Rightness:
    return lambda names: share


def _only(found: Counterfactual) -> Any:
    assert found.missing is None
    (row,) = found.rows
    return row


def test_tie_rule_and_threshold_against_counts_by_hand(folder: Path, tmp_path: Path) -> None:
    run = _run(folder, tmp_path / "run")
    sides = [judgment.preferred for judgment in run.judgments()]
    right, ties = sides.count("a"), sides.count("tie")
    assert right > 0
    assert ties > 0
    row = _only(what_if(run, Changes(tie_rule="strict")))
    assert row.before.value == pytest.approx((right + ties / 2) / 10)
    assert row.after.value == pytest.approx(right / 10)
    assert row.difference.figure.value == pytest.approx(-ties / 20)
    assert row.moved == ties
    row = _only(what_if(run, Changes(tie_rule="drop")))
    assert row.after.value == pytest.approx(right / (10 - ties))
    assert (row.after.n, row.after.total) == (10 - ties, 10)
    row = _only(what_if(run, Changes(tie_threshold=0.5)))
    assert row.after.value == 0.5, "every margin is at most a half"


def test_a_panel_of_recorded_runs(folder: Path, tmp_path: Path) -> None:
    runs = [
        _run(folder, tmp_path / str(n), model=judge_of(folder, _always(share)), tools="none")
        for n, share in enumerate((1.0, 1.0, 0.0))
    ]
    others = tuple(str(run.folder) for run in runs[1:])
    for reduce in ("mean_prob", "majority"):
        row = _only(
            what_if(runs[2], Changes.model_validate({"panel": (str(runs[0].folder), others[0]), "reduce": reduce}))
        )
        assert (row.before.value, row.after.value) == (0.0, 1.0)
    row = _only(what_if(runs[0], Changes(panel=others[1:])))
    assert row.after.value == 0.5, "two that disagree are a tie"
    elsewhere = make_pairs(tmp_path / "elsewhere", prompts=3, each=1)
    other = _run(elsewhere, tmp_path / "log", tools="none")
    with pytest.raises(UsageError, match="not of the same items"):
        what_if(runs[0], Changes(panel=(str(other.folder),)))


def test_the_checklist_decides_by_its_weights(folder: Path, tmp_path: Path) -> None:
    def script(question: Question) -> str:
        """Of image 1 only what is asked of the subject is "yes", of image 2 only the rest."""
        asked = question.schema["properties"]["checklist"]["properties"]
        own = {name: ("yes", "no") if name == "subject_present" else ("no", "yes") for name in asked}
        told = {name: {"image_1": first, "image_2": second} for name, (first, second) in own.items()}
        return answer(question, preference="tie", checklist=told)

    run = _run(folder, tmp_path / "run", model=ScriptedModel(script), order="given", tools="none")
    row = _only(what_if(run, Changes(checklist_weights={"subject_present": 1.0})))
    assert (row.before.value, row.after.value) == (0.5, 1.0)
    row = _only(what_if(run, Changes(checklist_weights={"sharp_where_needed": 1.0})))
    assert row.after.value == 0.0


def test_words_are_read_or_refused() -> None:
    assert read_order("first") == "given"
    assert read_names("none") == ()
    assert read_names("a, b") == ("a", "b")
    assert read_checklist_weights("equal") == {}
    assert read_checklist_weights("x=2,y=1") == {"x": 2.0, "y": 1.0}
    coefficients = read_coefficients()
    for wrong, words in (
        ("beauty.niqe=1", "no dimension 'beauty'"),
        ("appeal.niq=1", "has no 'niq'"),
        ("appeal.niqe", "JSON"),
    ):
        with pytest.raises(UsageError, match=words):
            read_weights([wrong], coefficients)
    with pytest.raises(UsageError, match="one at least is above 0"):
        read_checklist_weights("x=0")
    with pytest.raises(UsageError, match="given, first, random, both"):
        read_order("last")


def test_nothing_changed_is_refused(folder: Path, tmp_path: Path) -> None:
    run = _run(folder, tmp_path / "run", tools="none", order="given")
    with pytest.raises(UsageError, match="say what is to be different"):
        what_if(run, Changes())
    with pytest.raises(UsageError, match="--weights are of the embedded judge"):
        what_if(run, Changes(weights=read_coefficients()))
