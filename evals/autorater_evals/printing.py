"""What a person reads of evaluations in the terminal: plain aligned text, the same in a pipe."""

import sys
from collections.abc import Iterable, Mapping, Sequence

from autorater.errors import one_line
from autorater_evals.benchmark import Benchmark
from autorater_evals.checking import Checked
from autorater_evals.comparing_runs import RunComparison
from autorater_evals.evaluation import Evaluation, Profile, Row
from autorater_evals.figure import Figure
from autorater_evals.structures import Structures

COLUMNS = {
    "points": {"Pearson": "pearson", "Spearman": "spearman", "Kendall b": "kendall_b", "pairs in order": "concordance"},
    "pairs": {"accuracy, ties half": "accuracy_half", "ties wrong": "accuracy_strict", "ties dropped": "accuracy_drop"},
}
"""Heading → measure of the short tables."""
FURTHER = (
    "accuracy_three_way",
    "accuracy_tie_calibrated",
    "accuracy_tie_calibrated_held_out",
    "accuracy_both_orders",
    "accuracy_answered_orders",
    "accuracy_four_labels",
    "group_accuracy",
    "split_half",
    "leave_one_out_spearman",
    "leave_one_out_majority",
)
"""Measures that are told below the short tables, where there are any."""
NAMES = 6
"""Figures that a note names."""
TRAINING = {
    "allowed": "may be trained on",
    "research": "may be trained on for research only (--research)",
    "forbidden": "must not be trained on",
}
_ELSEWHERE = {measure for columns in COLUMNS.values() for measure in columns.values()}


def number(value: float | None, digits: int = 3) -> str:
    """A share or coefficient without its leading zero's clutter; "-" where it is not defined."""
    return "-" if value is None else f"{value:.{digits}f}"


NARROW = "the interval is too narrow"
"""What the note of a figure says when it stands on few clusters; tables mark such figures with a star."""


def legend(unit: str) -> str:
    """What brackets and stars mean in a table whose intervals are over whole `unit`."""
    return (
        f"Brackets: 95 % intervals over whole {unit} (* resampled over fewer than 20: too narrow; "
        "Wilson's and Fisher's are not resampled)."
    )


def star(figure: Figure) -> str:
    """A star where the interval was resampled over few clusters; never without an interval."""
    return "*" if figure.interval is not None and NARROW in figure.note else ""


def with_interval(figure: Figure) -> str:
    """Value [low, high], with its `star`; an interval over few clusters that has no width is not shown."""
    mark, found = star(figure), figure.interval
    if figure.value is None or found is None or (mark and found.low == found.high):
        return number(figure.value)
    return f"{number(figure.value)} [{number(found.low)}, {number(found.high)}]{mark}"


def reasons(named: Iterable[tuple[str, Figure]]) -> list[str]:
    """Why figures have no value, a note for each reason with the names of those that it is said of."""
    found: dict[str, dict[str, None]] = {}
    for name, figure in named:
        if figure.value is None:
            why = figure.note or ("not defined for these" if figure.n else "nothing has both a result and a label")
            found.setdefault(why, {})[name] = None
    return [f"note: no {_some(list(names))}: {why}" for why, names in found.items()]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES])
    return f"{shown} and {len(names) - NAMES:,} more" if len(names) > NAMES else shown


def counted(figure: Figure) -> str:
    """How many it stands on, and of how many where some are missing."""
    return f"{figure.n:,}" if figure.n == figure.total else f"{figure.n:,} of {figure.total:,}"


def lines(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Aligned columns; the last one is not padded."""
    table = [list(heading), *(list(map(one_line, row)) for row in rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(heading))]
    for place, row in enumerate(table):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if place == 0:
            yield "  ".join("-" * width for width in widths)


def say(*texts: str) -> None:
    """Print lines on stdout."""
    sys.stdout.write("".join(f"{text}\n" for text in texts))


def show_evaluation(evaluation: Evaluation, *, full: bool) -> None:
    """All parts of an evaluation: short tables, or with `full` every figure."""
    say(f"{evaluation.title}, judged by {evaluation.judge}", _profile(evaluation.profile))
    for part in dict.fromkeys(row.part for row in evaluation.rows):
        rows = [row for row in evaluation.rows if row.part == part]
        say("", part, *(_full(rows) if full else _short(rows)))
    if evaluation.structures:
        say("", *_structures(evaluation.structures))
    if evaluation.notes:
        say("", *(f"note: {note}" for note in evaluation.notes))
    if not full:
        say("", legend("prompts"), "--full has every figure.")


def _structures(found: Sequence[Structures]) -> Iterable[str]:
    """Rankings of generators, gaps and attributes' distance, a line each."""
    for one in found:
        where = " ".join(part for part in (one.part, one.dimension) if part)
        if one.generators is not None:
            orders = [
                " > ".join(item.item for item in ranking.ranked if item.strength.value is not None) or "no ranking"
                for ranking in (one.generators.judge, one.generators.people)
            ]
            agreed = with_interval(one.generators.agreement)
            yield f"{where}: generators by the judge: {orders[0]}; by people: {orders[1]}; Kendall {agreed}"
        if one.gaps:
            told = ", ".join(f"{gap.low:.2g} to {gap.high:.2g}: {number(gap.accuracy.value)}" for gap in one.gaps)
            yield f"{where}: accuracy by people's gap: {told}"
        if one.calibration is not None:
            yield f"{where}: calibration error {with_interval(one.calibration.error)}"
        if one.attributes is not None:
            distance, p = one.attributes.frobenius, one.attributes.frobenius_p
            chance = "" if p is None else f", p = {p:.4f} if judge and people were alike"
            yield f"{where}: distance of the attributes' correlations {with_interval(distance)}{chance}"


def _profile(profile: Profile) -> str:
    cost = "cost unknown" if profile.cost is None else f"${profile.cost:.4f}" if profile.cost else ""
    outcomes = ", ".join(f"{number:,} {name}" for name, number in profile.outcomes.items())
    calls = f"{profile.calls:,} calls" if profile.calls else ""
    looks = f"{profile.assessments:,} assessments" if profile.assessments else ""
    return "; ".join(part for part in (f"{profile.items:,} items: {outcomes}", calls, looks, cost) if part)


def _short(rows: Sequence[Row]) -> Iterable[str]:
    for columns in COLUMNS.values():
        kept = [row for row in rows if row.figure.measure in columns.values()]
        keys = dict.fromkeys((row.dimension, row.slice) for row in kept)
        if not kept:
            continue
        table: list[list[str]] = []
        for dimension, name in keys:
            own = {row.figure.measure: row for row in kept if (row.dimension, row.slice) == (dimension, name)}
            first = next(iter(own.values()))
            cells = [_cell(own.get(measure), first.figure) for measure in columns.values()]
            told = "; ".join(filter(None, map(_named, own.values())))
            table.append([dimension, name, counted(first.figure), *cells, told])
        yield from lines(*_with_published(["dimension", "which", "n", *columns], table))
    rest = [row for row in rows if row.figure.measure not in _ELSEWHERE and (row.headline or not row.dimension)]
    rest += [row for row in rows if row.figure.measure in FURTHER and row not in rest]
    if rest:
        table = [[row.dimension, row.slice, row.figure.measure, *_figure(row.figure), published(row)] for row in rest]
        yield ""
        yield from lines(*_with_published(["dimension", "which", "measure", "n", "value"], table))
    shown = [row for row in rows if row.figure.measure in _ELSEWHERE] + rest
    yield from reasons((_place(row), row.figure) for row in shown)


def _place(row: Row) -> str:
    """The measure of a figure, and of what it is."""
    return " ".join(filter(None, [row.dimension, "" if row.slice == "all" else row.slice, row.figure.measure]))


def _cell(row: Row | None, first: Figure) -> str:
    """A figure of the short tables, with its own n where that is not the one of the row's first figure."""
    if row is None:
        return ""
    told = with_interval(row.figure)
    return (
        told
        if counted(row.figure) == counted(first) or row.figure.value is None
        else f"{told}, n {counted(row.figure)}"
    )


def _figure(figure: Figure) -> tuple[str, str]:
    return counted(figure), with_interval(figure)


def _with_published(heading: list[str], table: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Heading and rows, whose last column is dropped where nothing was published."""
    if any(row[-1] for row in table):
        return [*heading, "published"], table
    return heading, [row[:-1] for row in table]


def published(row: Row) -> str:
    """What others published of the same figure."""
    return ", ".join(f"{judge} {number(value)}" for judge, value in row.published.items())


def _named(row: Row) -> str:
    """What others published, with the measure's name: a row of the short tables has several."""
    return f"{row.figure.measure}: {published(row)}" if row.published else ""


def _full(rows: Sequence[Row]) -> Iterable[str]:
    def bounds(figure: Figure) -> str:
        return "" if figure.bounds is None else f"{number(figure.bounds[0])} to {number(figure.bounds[1])}"

    yield from lines(
        ["dimension", "which", "read", "measure", "n", "value", "if missing", "interval, note"],
        [
            [
                row.dimension,
                row.slice,
                row.read,
                row.figure.measure,
                counted(row.figure),
                with_interval(row.figure),
                bounds(row.figure),
                "; ".join(
                    part
                    for part in (row.figure.interval.method if row.figure.interval else "", row.figure.note)
                    if part
                ),
            ]
            for row in rows
        ],
    )


def show_benchmarks(known: Mapping[str, Benchmark]) -> None:
    """One line a part."""
    table = [
        [
            name if place == 0 else "",
            part.name,
            part.kind,
            " ".join(f"{number:,} {what}" for what, number in part.expect.items()) or "any",
            one.meta.training if place == 0 else "",
            one.meta.licence if place == 0 else "",
        ]
        for name, one in known.items()
        for place, part in enumerate(one.meta.parts)
    ]
    say(*lines(["benchmark", "part", "kind", "registered", "training", "licence"], table))
    say("", "`autorater eval describe NAME` tells its files, protocol and traps.")


def show_card(found: Benchmark) -> None:
    """The card, in words."""
    meta = found.meta
    say(f"{found.name}: {meta.title}", f"source: {meta.source}", *([f"paper: {meta.paper}"] if meta.paper else []))
    say(f"licence: {meta.licence}; {TRAINING[meta.training]}: {meta.training_note}")
    if meta.hub:
        configurations = ", ".join(meta.hub.configurations) or "default"
        say(f"hub: {meta.hub.repository} ({configurations}; {', '.join(meta.hub.splits)})")
    for part in meta.parts:
        counts = ", ".join(f"{number:,} {what}" for what, number in part.expect.items()) or "any number of items"
        say(f"part {part.name} ({part.kind}): {counts}")
        say(*(f"  {one.name}: {one.meaning} (reads {', '.join(one.reads)})" for one in part.dimensions))
    for one in meta.published:
        where = one.part if one.dimension == "overall" else f"{one.part}, {one.dimension}"
        say(f"published: {where}, {one.judge}, {one.measure} {one.value:g} ({one.source})")
    say("", found.card.body.rstrip())


def show_check(found: Checked) -> None:
    """Counts beside the registered ones, images, problems."""
    table = [
        [part, what, f"{amount:,}", f"{registered:,}" if (registered := found.registered[part].get(what)) else "-"]
        for part, counts in found.counts.items()
        for what, amount in counts.items()
    ]
    if table:
        say(*lines(["part", "what", "counted", "registered"], table), "")
    say(f"images: {found.images_there:,} there, {found.images_missing:,} missing")
    say(*(f"problem: {problem}" for problem in found.problems))
    if not found.problems:
        say("all counts are as registered" if found.complete else "no problem found")


def _shared(found: RunComparison) -> str:
    left = {"first": found.only_first, "second": found.only_second}
    out = ", ".join(f"{number:,} only in the {run}" for run, number in left.items() if number)
    return f"{found.shared:,} shared items" + (f"; left out: {out}" if out else "")


def show_comparison(found: RunComparison) -> None:
    """Two runs beside each other."""
    say(f"{found.benchmark}: first = {found.first}; second = {found.second}", _shared(found))
    table: list[list[str]] = []
    for row in found.rows:
        test = row.comparison
        table.append(
            [
                row.part,
                row.dimension,
                row.measure,
                f"{row.items:,}",
                number(row.first),
                number(row.second),
                with_interval(row.difference.figure),
                *("-" if p is None else f"{p:.4f}" for p in (row.difference.p, row.adjusted_p)),
                "-" if test is None or test.mcnemar is None or test.mcnemar.p is None else f"{test.mcnemar.p:.4f}",
                "-" if test is None or (test.detectable or 0) > 1 else number(test.detectable),
            ]
        )
    heading = ["part", "dimension", "measure", "n", "first", "second", "second - first"]
    heading += ["p", "Holm p", "McNemar p", "could find"]
    say("", *lines(heading, table), "", *(f"note: {note}" for note in found.notes))
    say(legend("prompts"), "p: bootstrap over whole prompts, from 6 on; Holm p: adjusted for all rows.")
    say("could find: the least difference that is found with 80 % power.")
