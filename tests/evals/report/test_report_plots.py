"""Plots: what they show is in the evaluation, they are equal bytes every time, and no name can break them."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from reported_runs import Elements, hostile_run, rated_run

from autorater_evals.evaluation import Row
from autorater_evals.report.drawing import Matrix, Panel, Plot, Series, inline_svg, pdf_file, shorts, svg_file
from autorater_evals.report.page import write_page
from autorater_evals.report.plots import make_plots
from autorater_evals.report.reading import see
from autorater_evals.report.scored import Scored, open_scored
from autorater_evals.report.synthetic import write_synthetic
from autorater_evals.report.tables import main_table
from autorater_evals.scoring import score

UNSURE = "left out: no run gives ten pairs, which people decide, more than two different probabilities."


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
    assert plots["calibration"].caption == UNSURE
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


def test_names_that_look_like_attributes_are_shown_as_they_are() -> None:
    name = 'a style="font: 9px b" id="c" #1a1d21'
    text = inline_svg(replace(every_kind(), panels=(Panel("rows", "x", "", (), "rows", (name,)),)))
    shown = [one.text for one in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert f"{name[:17]}…{name[-16:]}" in shown


def crowded(scored: Scored, generators: int) -> Scored:
    """The same run on items of so many generators, with a facet that has a value for each item."""
    names = [f"g{number:03}" for number in range(generators)]
    items = {
        key: item.model_copy(
            update={
                "generators": (names[place % generators], names[(place + 1) % generators]),
                "facets": {"subject": str(place)},
            }
        )
        for place, (key, item) in enumerate(scored.run.items.items())
    }
    run = replace(scored.run, items=items)
    return replace(scored, run=run, evaluation=score(run))


def test_what_is_too_much_is_said_on_the_page(tmp_path: Path) -> None:
    (plain,) = open_scored([write_synthetic(tmp_path / "run", items=130, side=32)])
    one = crowded(plain, 101)
    notes = one.evaluation.notes
    assert "pairs: no figures by subject, which has 130 values (more than 60)" in notes
    assert "pairs: 101 generators are not ranked (more than 100)" in notes
    plot = plots_of((one,))["generators"]
    assert plot.caption == "left out: it takes comparisons of three to 100 generators with names."
    write_page(tmp_path / "page.html", [one], title="Crowded")
    text = Elements((tmp_path / "page.html").read_text(encoding="utf-8")).text
    assert all(note in text for note in notes)
    assert plot.caption in text


def test_rankings_that_do_not_exist_are_named_with_their_reason(tmp_path: Path) -> None:
    (plain,) = open_scored([write_synthetic(tmp_path / "run", items=60, side=32)])
    caption = plots_of((crowded(plain, 60),))["generators"].caption  # each meets two others, once
    assert "Synthetic pairs pairs, people: " in caption
    assert "no finite strengths fit" in caption


def test_hostile_names_of_generators_are_drawn(tmp_path: Path) -> None:
    plots = plots_of(hostile_run(tmp_path))
    assert any("</script>" in name for name in panel(plots["generators"]).rows)
    for plot in plots.values():
        if plot.panels:
            ElementTree.fromstring(inline_svg(plot))


def test_long_names_are_cut_in_the_middle_and_never_read_the_same() -> None:
    start, end = "transformers:chain/avt/tiny-avt, protocol autorater, ", ", of the held-out examples of round"
    names = [f"{start}{tools}{end}" for tools in ("tools none", "tools exposure")]
    told = shorts([*names, "short", f"{start}other"])
    assert len(set(told.values())) == 4
    assert told["short"] == "short"
    assert told[f"{start}other"].startswith("transformers:")
    assert told[f"{start}other"].endswith(" other")
    assert "none" in told[names[0]]
    assert "exposure" in told[names[1]]
    assert max(map(len, told.values())) <= 36
    series = tuple(Series(name, [0.1], [0.2], [None], [None], (), place) for place, name in enumerate(names))
    drawn = svg_file(Plot("gaps", "Gaps", "", (Panel("a", "x", "y", series),))).decode()
    assert all(drawn.count(told[name]) == 1 for name in names)


@pytest.mark.parametrize(("n", "narrow", "marked"), [(20, True, True), (19, True, False), (400, False, False)])
def test_the_best_of_a_column_stands_on_twenty_items_and_an_interval(
    runs: tuple[Scored, ...], n: int, narrow: bool, marked: bool
) -> None:
    to = thin(n, interval=narrow)
    assert main_table(runs).best
    changed = [
        replace(run, evaluation=run.evaluation.model_copy(update={"rows": tuple(map(to, run.evaluation.rows))}))
        for run in runs
    ]
    table = main_table(changed)
    assert (bool(table.best), bool(table.second)) == (marked, marked)


def thin(n: int, *, interval: bool) -> Callable[[Row], Row]:
    def to(row: Row) -> Row:
        kept = {"n": n} if interval else {"n": n, "interval": None}
        return row.model_copy(update={"figure": row.figure.model_copy(update=kept)})

    return to
