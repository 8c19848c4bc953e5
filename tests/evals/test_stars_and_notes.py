"""The star of tables: only on an interval that was resampled over few clusters; and why a figure has no value."""

import numpy as np

from autorater_evals.figure import Figure, Interval
from autorater_evals.printing import legend, reasons, with_interval
from autorater_evals.statistics.correlation import correlation
from autorater_evals.statistics.resampling import drawn_interval, few, mean_interval


def shown(values: list[float], clusters: list[str]) -> str:
    interval, note = mean_interval(np.array(values), clusters=clusters)
    figure = Figure(measure="accuracy", value=sum(values) / len(values), n=len(values), total=len(values))
    return with_interval(figure.model_copy(update={"interval": interval, "note": note}))


def test_a_star_stands_on_an_interval_resampled_over_few_clusters_and_nowhere_else() -> None:
    assert shown([1, 0, 1, 1], ["a", "a", "b", "b"]).endswith("]*")
    assert shown([1, 0], ["a", "b"]) == "0.500 [0.095, 0.905]", "Wilson's: each item is its own cluster"
    assert shown([0, 0, 0], ["a", "a", "b"]) == "0.000 [0.000, 0.658]", "Wilson's over two clusters"
    assert shown([1, 0], ["a", "a"]) == "0.500", "one cluster has no interval"
    assert shown([1, 0, 1, 0], ["a", "a", "b", "b"]) == "0.500", "nor have draws that do not differ"
    assert "*" not in shown([1, 0, 1] * 20, [str(place // 2) for place in range(60)])
    interval = Interval(low=0.1, high=0.9, method="Wilson")
    assert with_interval(Figure(measure="x", value=None, n=0, total=2, interval=interval)) == "-"
    assert legend("prompts").startswith("Brackets: 95 % intervals over whole prompts (* resampled over fewer than 20")


def test_a_note_on_a_narrow_interval_needs_an_interval() -> None:
    undefined = np.array([np.nan] * 50 + [0.1, 0.2])
    assert drawn_interval(undefined, count=5) == (None, "no interval: too many draws leave it undefined")
    one = correlation([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], measure="pearson", clusters=["a", "a", "a"])
    assert one.interval is None
    assert "too narrow" not in one.note
    assert few(1) == "only 1 cluster: the interval is too narrow"
    assert few(2, unit="prompts") == "only 2 prompts: the interval is too narrow"


def test_why_a_figure_has_no_value_is_said_once_for_all_of_the_same_reason() -> None:
    constant = [
        Figure(measure=name, value=None, n=3, total=3, note="one side is constant") for name in ("pearson", "spearman")
    ]
    named = [(figure.measure, figure) for figure in constant]
    none = Figure(measure="accuracy", value=None, n=0, total=3)
    there = Figure(measure="kendall_b", value=0.5, n=3, total=3)
    assert reasons([*named, *named, ("accuracy", none), ("kendall_b", there)]) == [
        "note: no pearson, spearman: one side is constant",
        "note: no accuracy: nothing has both a result and a label",
    ]
    many = [(str(number), none) for number in range(9)]
    assert reasons(many) == ["note: no 0, 1, 2, 3, 4, 5 and 3 more: nothing has both a result and a label"]
