"""The commands: `grid`, `counterfactual` and `baselines`, as a person calls them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from grid_world import make_pairs
from typer.testing import CliRunner

from autorater.errors import UsageError
from autorater_evals.grid.baselines_command import baselines
from autorater_evals.grid.command import grid
from autorater_evals.grid.counterfactual_command import counterfactual

APP = typer.Typer(pretty_exceptions_enable=False)
for _command in (grid, counterfactual, baselines):
    APP.command()(_command)
TOOLS = "exposure,sharpness"


def _run(*words: object, status: int = 0) -> str:
    told = CliRunner().invoke(APP, [str(word) for word in words], catch_exceptions=False)
    assert told.exit_code == status, told.output
    return told.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("commands") / "data", prompts=4)


@pytest.fixture(scope="module")
def log(folder: Path) -> Path:
    """A grid of a reading as judge: the subsets without its specialist have no result."""
    place = folder.parent / "grid"
    words = ("grid", "jsonl", "--data", folder, "--tools", TOOLS, "--criterion", "sharpness.detail", "--log", place)
    result = json.loads(_run(*words, "--json"))
    assert [tuple(one["specialists"]) for one in result["tried"] if one["eligible"]] == [
        ("sharpness",),
        ("exposure", "sharpness"),
    ]
    none = result["tried"][0]
    assert none["specialists"] == []
    assert none["outcomes"] == {"abstained": 8}
    assert none["whole"]["value"] is None
    assert (none["whole"]["n"], none["whole"]["total"]) == (0, 8)
    assert result["choice"]["over_none"] is None
    assert result["plan"]["calls"] == 0
    return place


def test_a_grid_is_printed_and_planned(folder: Path, log: Path) -> None:
    words = ("grid", "jsonl", "--data", folder, "--tools", TOOLS, "--criterion", "sharpness.detail", "--log", log)
    shown = _run(*words)
    assert "4 subsets of 2 specialists; 2 of 4 prompts (4 of 8 units) choose" in shown
    assert "Chosen: sharpness" in shown
    assert "<- report this one" in shown
    assert "none (too few results)" in shown
    assert "4 subsets tried (2 could be chosen)" in shown
    assert "of 2 specialists believe one below 0.0250 (Bonferroni)" in shown
    assert "* resampled over fewer than 20: too narrow" in shown
    plan = json.loads(_run(*words, "--plan", "--json"))
    assert (plan["subsets"], plan["items"], plan["recorded"]) == (4, 8, 32)


def test_counterfactual_prints_before_and_after_or_what_is_missing(log: Path) -> None:
    run = log / "subsets" / "exposure+sharpness"
    shown = _run("counterfactual", run, "--criterion", "exposure.black_share", "--tie-rule", "strict")
    assert "criterion exposure.black_share: answered exactly" in shown
    assert "accuracy_half -> accuracy_strict" in shown
    told = json.loads(_run("counterfactual", log / "subsets" / "sharpness", "--drop", "sharpness", "--json"))
    assert told["rows"][0]["after"]["value"] is None
    shown = _run("counterfactual", log / "subsets" / "none", "--keep", "sharpness")
    assert "the grid holds this subset" in shown
    other = json.loads(_run("counterfactual", log / "subsets" / "none", "--keep", "sharpness", "--json"))["rows"][0]
    assert (other["before"]["n"], other["after"]["n"]) == (0, 8)
    shown = _run("counterfactual", log / "subsets" / "sharpness", "--criterion", "exposure.black_share", status=3)
    assert "NOT answered" in shown
    assert "16 looks of specialists. Nothing is guessed" in shown


def test_baselines_are_the_readings_themselves(folder: Path, tmp_path: Path) -> None:
    from autorater.image import open_picture
    from autorater_evals.recorded import open_run

    place = tmp_path / "log"
    words = ("baselines", "jsonl", "--data", folder, "--tools", TOOLS, "--log", place)
    result = json.loads(_run(*words, "--json"))
    rows = {row["reading"]: row for row in result["rows"]}
    assert set(rows) == {"exposure.black_share", "exposure.white_share", "sharpness.detail", "sharpness.blur"}
    # The oracle: the variance that the specialist reads, judgment by judgment, the first image being the better.
    values = [
        [one.value("detail") for one in judgment.assessments if one.specialist == "sharpness"]
        for judgment in open_run(place).judgments()
    ]
    right = np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in values])  # type: ignore[operator]
    cell = next(cell for cell in rows["sharpness.detail"]["cells"] if cell["headline"])
    assert cell["figure"]["measure"] == "accuracy_half"
    assert cell["figure"]["value"] == pytest.approx(right)
    assert rows["sharpness.detail"]["measured"] == 8
    assert open_picture(folder / "0a.png").width == 24
    shown = _run(*words)
    assert "sharpness.detail" in shown
    assert "pairs overall accuracy_half" in shown


def test_baselines_of_many_dimensions_fit_a_terminal(folder: Path, tmp_path: Path) -> None:
    names = [f"dimension_{number}" for number in range(9)]
    rows = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    many = folder / "many.jsonl"
    many.write_text("".join(json.dumps({**row, "preferred": dict.fromkeys(names, "a")}) + "\n" for row in rows))
    shown = _run("baselines", "jsonl", "--data", many, "--tools", TOOLS, "--log", tmp_path / "log")
    table, told = shown.split("\n\n")[1:3]
    assert max(map(len, table.splitlines())) <= 120
    missing = [name for name in names if name not in table]
    assert 0 < len(missing) < len(names)
    assert told.startswith("not shown: ")
    assert all(name in told for name in missing)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--tools", "exposition"), "no specialist that is ready"),
        (("--tools", "none"), "specialists to choose from"),
        (("--choose-share", "1.5"), "between 0 and 1"),
        (("--dimension", "smell"), "dimensions: overall"),
        (("--measure", "pearson"), "asks for nothing"),
    ],
)
def test_a_wrong_call_is_refused_before_the_work(folder: Path, tmp_path: Path, words: Any, told: str) -> None:
    call: Callable[[], str] = lambda: _run("grid", "jsonl", "--data", folder, "--log", tmp_path / "log", *words)  # noqa: E731
    with pytest.raises(UsageError, match=told):
        call()
    assert not (tmp_path / "log").exists()
