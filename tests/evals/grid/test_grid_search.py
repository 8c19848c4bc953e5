"""A grid over recorded specialists: what it finds, what it says, what it asks, and how it resumes."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from grid_world import POOL, Rightness, base_of, judge_of, make_pairs, search_of, shown
from scripted import ScriptedModel, answer

from autorater.errors import ProviderError, UsageError
from autorater.model import Question
from autorater.prices import Price
from autorater.replay import replay
from autorater_evals.grid.result import GridResult
from autorater_evals.grid.search import make_plan, run_grid
from autorater_evals.recorded import open_run
from autorater_evals.scoring import score

TRIPLE = ("colour", "exposure", "sharpness")


def _grid(folder: Path, log: Path, rightness: Rightness, **options: Any) -> tuple[GridResult, int]:
    model = judge_of(folder, rightness)
    search = search_of(folder, log, pool=options.pop("pool", POOL))
    with base_of(model, search.pool, order="given", **options) as base:
        return run_grid(search, base, make_plan(search, base)), len(model.asked)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, GridResult]:
    """A judge that is right nearly always with a certain triple, and six times in ten otherwise."""
    folder = make_pairs(tmp_path_factory.mktemp("planted") / "data", prompts=20)
    log = folder.parent / "grid"
    result, asked = _grid(folder, log, lambda names: 0.97 if set(TRIPLE) <= set(names) else 0.6)
    assert asked == 16 * 40
    return folder, log, result


def test_a_planted_triple_is_chosen_and_holds_on_the_other_prompts(planted: tuple[Path, Path, GridResult]) -> None:
    result = planted[2]
    choice = result.choice
    assert choice is not None
    assert choice.over_none is not None
    assert set(TRIPLE) <= set(choice.specialists)
    assert choice.reports.value is not None
    assert choice.reports.value > 0.85
    assert choice.over_none.figure.value is not None
    assert choice.over_none.figure.value > 0.15
    assert choice.over_none.p is not None
    assert choice.over_none.p < 0.01
    assert choice.permutation_p is not None
    assert choice.permutation_p < 0.02
    assert "16 subsets tried" in choice.note
    assert "still gains" in choice.note
    assert result.choosing_prompts == 10
    assert result.prompts == 20
    assert {one.specialists for one in result.tried} >= {(), *((name,) for name in POOL), TRIPLE, POOL}


def test_every_subset_shows_both_parts_calls_and_outcomes(planted: tuple[Path, Path, GridResult]) -> None:
    result = planted[2]
    assert len(result.tried) == 16
    for one in result.tried:
        assert one.calls == 40
        assert one.outcomes == {"scored": 40}
        assert one.chooses.n == 20
        assert one.reports.n == 20
        assert one.whole.n == 40
        assert one.chooses.value is not None
        assert one.reports.value is not None
        assert one.whole.value is not None
        assert one.whole.value == pytest.approx((one.chooses.value + one.reports.value) / 2)
        assert one.cost is None
        assert one.eligible


def test_repeated_splits_tell_what_a_choice_is_worth(planted: tuple[Path, Path, GridResult]) -> None:
    splits = planted[2].splits
    assert splits is not None
    assert splits.gain_chooses is not None
    assert splits.gain_reports is not None
    assert splits.beyond == "no specialists"
    assert splits.gain_chooses >= splits.gain_reports > 0.2
    assert all(name in ("colour+exposure+sharpness", "brisque+colour+exposure+sharpness") for name in splits.chosen)


def test_a_finished_grid_asks_nothing_again_and_says_the_same(planted: tuple[Path, Path, GridResult]) -> None:
    folder, log, result = planted
    model = judge_of(folder, lambda names: 0.0)
    search = search_of(folder, log)
    with base_of(model, order="given") as base:
        plan = make_plan(search, base)
        again = run_grid(search, base, plan)
    assert plan.calls == 0
    assert plan.recorded == 16 * 40
    assert model.asked == []
    assert again.model_copy(update={"plan": result.plan}) == result


def test_a_subset_replays_alone_and_shares_its_images(planted: tuple[Path, Path, GridResult]) -> None:
    path = planted[1] / "subsets" / "colour+exposure"
    assert not (path / "blobs").readlink().is_absolute()
    done = list(replay(path))
    assert len(done) == 40
    assert all(one.identical for one in done)
    assert {item.specialist for item in done[0].judgment.assessments} == {"colour", "exposure"}


def test_a_subset_is_a_run_like_any_other(planted: tuple[Path, Path, GridResult]) -> None:
    folder, log, result = planted
    model = judge_of(folder, lambda names: 0.0)
    path = log / "subsets" / "colour+exposure"
    with base_of(model, ("colour", "exposure"), order="given", log=path):
        pass  # the same settings: the log is resumed
    evaluation = score(open_run(path))
    (told,) = (one for one in result.tried if one.specialists == ("colour", "exposure"))
    assert evaluation.find("accuracy_half", part="pairs", dimension="overall") == told.whole
    assert f"{path.parent.parent.name}/{told.folder}" == "grid/subsets/colour+exposure"
    # Pictures of 24 x 16 pixels are too small for BRISQUE, which shows in no figure and is told.
    assert any(note.startswith("brisque measured 0 of 80 images") for note in result.notes)


def test_with_noise_the_other_prompts_show_no_gain(tmp_path: Path) -> None:
    folder = make_pairs(tmp_path / "data", prompts=16)
    result, _ = _grid(folder, tmp_path / "grid", lambda names: 0.6, pool=("brisque", "exposure", "sharpness"))
    choice, splits = result.choice, result.splits
    assert choice is not None
    assert splits is not None
    assert choice.over_none is not None
    assert "could not be chance" in choice.note
    assert "8 subsets tried" in choice.note
    assert splits.gain_chooses is not None
    assert splits.gain_reports is not None
    assert splits.gain_chooses > splits.gain_reports + 0.05, "the search itself looks like a gain"
    assert abs(splits.gain_reports) < 0.08


def test_a_limit_on_money_stops_the_grid_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    folder = make_pairs(tmp_path / "data", prompts=4, each=1)
    pool = ("exposure", "sharpness")
    price = Price(input_per_million=Decimal(1000), output_per_million=Decimal(2000))
    # One call has 100 tokens in and 50 out: $0.20; a subset of four pairs $0.80.
    result, asked = _grid(folder, tmp_path / "grid", lambda names: 0.6, pool=pool, price=price, max_cost=0.8)
    assert "subsets judged: " in result.stopped
    assert asked == 4
    assert len(result.tried) == 1
    assert result.tried[0].cost == pytest.approx(0.8)
    result, more = _grid(folder, tmp_path / "grid", lambda names: 0.6, pool=pool, price=price, max_cost=30.0)
    assert not result.stopped
    assert len(result.tried) == 4
    assert asked + more == 16


def test_a_grid_that_breaks_off_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = make_pairs(tmp_path / "data", prompts=4, each=1)
    pool = ("exposure", "sharpness")
    search = search_of(folder, tmp_path / "grid", pool=pool)
    works = judge_of(folder, lambda names: 0.6)
    breaks = ScriptedModel(lambda q: works.script(q) if len(breaks.asked) <= 7 else ProviderError("no key", status=401))
    with base_of(breaks, pool, order="given") as base, pytest.raises(ProviderError, match="no key"):
        run_grid(search, base, make_plan(search, base), concurrency=1)
    with base_of(works, pool, order="given") as base:
        plan = make_plan(search, base)
        assert (plan.calls, plan.recorded) == (9, 7)
        assert len(run_grid(search, base, plan).tried) == 4
    assert len(works.asked) == 16 - 7


def test_other_options_of_the_specialists_are_refused(tmp_path: Path) -> None:
    folder = make_pairs(tmp_path / "data", prompts=3, each=1)
    search = search_of(folder, tmp_path / "grid", pool=("exposure",))
    with base_of(
        judge_of(folder, lambda names: 1.0), ("exposure",), tool_options={"coco_objects": {"threshold": 0.4}}
    ) as base:
        plan = make_plan(search, base)
        with pytest.raises(UsageError, match="other options or devices"):
            run_grid(search, base, plan)


def test_the_plan_tells_the_calls_and_what_they_cost_at_most(tmp_path: Path) -> None:
    folder = make_pairs(tmp_path / "data", prompts=3, each=1)
    pool = ("exposure", "sharpness")
    search = search_of(folder, tmp_path / "grid", pool=pool)
    model = judge_of(folder, lambda names: 1.0)
    model.name = "openai:gpt-4o"  # whose tokens of an image are known
    price = Price(input_per_million=Decimal(1), output_per_million=Decimal(10))
    with base_of(model, pool, price=price) as base:
        plan = make_plan(search, base)
        assert (plan.subsets, plan.items, plan.calls, plan.recorded) == (4, 3, 4 * 3 * 2, 0)
        answers = 24 * 2 * 4096 * 10 / 1e6  # every answer as long as allowed, and once repaired
        assert plan.cost is not None
        # Two images of 85 + 170 tokens each, the prompt twice, and the answer that did not fit.
        assert answers + 24 * (2 * 510 + 4096) / 1e6 < plan.cost < 2 * answers
        result = run_grid(search, base, plan)
        written = sum(path.stat().st_size for path in (tmp_path / "grid" / "subsets").glob("*/events.jsonl"))
        assert written / 3 < plan.bytes < written * 3
        assert sum(one.cost or 0.0 for one in result.tried) < plan.cost
        assert make_plan(search, base).calls == 0
    model.name = "scripted:one"
    with base_of(model, pool) as base:
        unknown = make_plan(replace(search, folder=tmp_path / "other"), base)
    assert unknown.cost is None
    assert "not known" in unknown.basis


def test_questions_are_searched_by_their_answers(tmp_path: Path) -> None:
    folder = make_pairs(tmp_path / "data", prompts=4, each=1)
    asked = [{"text": "Is there snow?", "answer": "yes"}, {"text": "Is there a fox?", "answer": "no"}]
    rows = [{"id": f"q{n}", "prompt": f"prompt {n}", "image": f"{n}a.png", "questions": asked} for n in range(4)]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def script(question: Question) -> str:
        """All is there; with a specialist in the prompt, only what is asked first."""
        told = question.schema["properties"]["checklist"]["properties"]
        said = ["yes", "no" if shown(question) else "yes"]
        return answer(question, checklist={name: {"image_1": one} for name, one in zip(told, said, strict=True)})

    search = search_of(folder, tmp_path / "grid", pool=("exposure",), part="questions")
    with base_of(ScriptedModel(script), ("exposure",)) as base:
        result = run_grid(search, base, make_plan(search, base))
    assert [(one.specialists, one.whole.value, one.whole.n) for one in result.tried] == [
        ((), 0.5, 8),
        (("exposure",), 1.0, 8),
    ]
    assert result.effects[0].change.figure.value == 0.5
