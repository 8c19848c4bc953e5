"""Plots: what they show is in the evaluation, they are equal bytes every time, and no name can break them."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from reported_runs import hostile_run, rated_run

from autorater_evals.report.drawing import Matrix, Panel, Plot, Series, inline_svg, pdf_file, svg_file
from autorater_evals.report.plots import make_plots
from autorater_evals.report.reading import see
from autorater_evals.report.scored import Scored
from autorater_evals.report.tables import main_table


def plots_of(runs: tuple[Scored, ...]) -> dict[str, Plot]:
    seen = [[see(run, run.run.items[one.id], one, run.run.cards) for one in run.run.judgments()] for run in runs]
    return {plot.name: plot for plot in make_plots(runs, seen, main_table(runs))}


@pytest.fixture(scope="module")
def plots(runs: tuple[Scored, ...]) -> dict[str, Plot]:
    return plots_of(runs)


def panel(plot: Plot, place: int = 0) -> Panel:
    found = plot.panels[place]
    assert isinstance(found, Panel)
    return found


def test_pairs_have_their_plots_and_say_their_n(plots: dict[str, Plot]) -> None:
    drawn = {name for name, plot in plots.items() if plot.panels}
    assert drawn == {"dimensions", "calibration", "risk", "gaps", "positions", "generators", "costs"}
    for name, plot in plots.items():
        assert ("n = " in plot.caption) if plot.panels else plot.caption.startswith("left out: "), name


def test_the_points_are_those_of_the_evaluation(runs: tuple[Scored, ...], plots: dict[str, Plot]) -> None:
    told = runs[1].evaluation.structures[0]
    assert told.calibration is not None
    series = panel(plots["calibration"]).series[1]
    assert list(series.y) == [row.accuracy.value for row in told.calibration.rows]
    assert list(series.x) == [row.confidence for row in told.calibration.rows]
    assert list(panel(plots["gaps"]).series[1].y) == [one.accuracy.value for one in told.gaps]
    rate = runs[1].evaluation.find("first_rate", part="pairs")
    assert rate is not None
    assert list(panel(plots["positions"]).series[1].x) == [rate.value]
    assert told.generators is not None
    people = {one.item: one.strength.value for one in told.generators.people.ranked}
    shown = panel(plots["generators"])
    assert {shown.rows[int(y)]: x for x, y in zip(shown.series[0].x, shown.series[0].y, strict=True)} == people
    assert shown.series[0].name == "people"


def test_single_images_have_a_curve_of_peoples_means(tmp_path: Path) -> None:
    plots = plots_of(rated_run(tmp_path))
    curve = panel(plots["ratings"]).series[0]
    assert list(curve.y) == sorted(curve.y)
    assert curve.n == 12
    assert plots["calibration"].caption == "left out: no run gives pairs more than two different probabilities."
    assert "two runs" in plots["costs"].caption


def test_runs_that_cost_nothing_have_no_plot_of_costs(runs: tuple[Scored, ...]) -> None:
    free = tuple(
        replace(
            one,
            evaluation=one.evaluation.model_copy(
                update={"profile": one.evaluation.profile.model_copy(update={"cost": 0.0})}
            ),
        )
        for one in runs
    )
    assert plots_of(free)["costs"] == Plot("costs", "Cost and agreement", "left out: none of the runs cost anything.")


def every_kind() -> Plot:
    """A plot with all kinds of panels, with names that need care."""
    point = Series("$x^2$ </svg> & \u202eabc 👩‍👩‍👧", [0.1, 0.7], [0.3, 0.9], [0.1, None], [0.5, None], colour=1)
    rows = Series("rows", [0.4], [0], [0.2], [0.6], ["named"], colour=2)
    names = ("one", "שלום", "</text>")
    matrix = Matrix("a matrix", names, ((1.0, 0.2, None), (0.2, 1.0, -0.9), (None, -0.9, 1.0)))
    return Plot(
        "every",
        'Every <kind> & "more"',
        "n = 3",
        (
            Panel("a line", "x", "y", (point, rows), diagonal=0.0, level=0.5),
            Panel("rows", "x", "", (rows,), "rows", ("a row",), (0, 1)),
            Panel("points", "x", "y", (rows,), "points"),
            Panel("steps", "x", "y", (point,), "steps"),
            matrix,
        ),
    )


def test_svg_is_the_same_every_time_and_keeps_text_as_text() -> None:
    plot = every_kind()
    text = svg_file(plot)
    assert text == svg_file(plot)
    assert b"<dc:date>" not in text
    small = replace(plot, panels=plot.panels[:1])
    assert pdf_file(small) == pdf_file(small)
    root = ElementTree.fromstring(text)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a line", "0.20", "–", "a row", "$x^2$ </svg> & \ufffdabc 👩‍👩‍👧"} <= set(texts)


def test_inline_svg_has_no_style_and_only_its_own_names() -> None:
    text = inline_svg(every_kind())
    root = ElementTree.fromstring(text)
    for element in root.iter():
        assert "style" not in element.attrib
        assert not element.tag.endswith(("style", "script", "image", "metadata"))
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert all(one.startswith("every-") for one in ids)
    used = re.findall(r'(?:url\(#|href="#)([^")]*)', text)
    assert used
    assert set(used) <= set(ids)
    assert "currentColor" in text
    assert "font-family" not in text
    assert root.attrib["aria-label"] == 'Every <kind> & "more". n = 3'


def test_hostile_names_of_generators_are_drawn(tmp_path: Path) -> None:
    plots = plots_of(hostile_run(tmp_path))
    assert any("</script>" in name for name in panel(plots["generators"]).rows)
    for plot in plots.values():
        if plot.panels:
            ElementTree.fromstring(inline_svg(plot))
