"""A grid's result on the screen: the choice first, then the subsets, then what each specialist does."""

from collections.abc import Iterable

from autorater_evals.counting import many
from autorater_evals.figure import Figure
from autorater_evals.grid.planning import Plan
from autorater_evals.grid.result import Effect, GridResult, Tried
from autorater_evals.grid.subsets import Names, label, short_label
from autorater_evals.printing import counted, legend, lines, reasons, say, star, with_interval
from autorater_evals.statistics.comparing import Difference

SHOWN = 15
"""Subsets on the screen, besides none, all, the chosen one and the best; the JSON has all of them."""


def show_figure(figure: Figure) -> str:
    """The value, its interval, and how many units of how many it stands on."""
    return f"{with_interval(figure)}, n = {counted(figure)}"


def show_difference(found: Difference | None, *, permutation: float | None = None) -> str:
    """A difference with its interval and p, in words."""
    if found is None or found.figure.value is None:
        return "not defined"
    figure = found.figure
    p = "" if found.p is None else f", p = {found.p:.4f}"
    exchanged = "" if permutation is None else f" (exchanging within prompts: p = {permutation:.4f})"
    note = f"; {figure.note}" if figure.note else ""
    return f"{figure.value:+.4f} {_reach(figure)}{p}{exchanged}, n = {counted(figure)}{note}"


def show_plan(plan: Plan) -> str:
    """What will be done, in a sentence."""
    money = "" if not plan.calls else f", at most ${plan.cost:,.2f}" if plan.cost is not None else ", cost not known"
    there = f" ({many(plan.recorded, 'judgment')} recorded already)" if plan.recorded else ""
    disk = f", about {plan.bytes / 1e9:.1f} GB of logs" if plan.bytes >= 5e7 else ""
    size = f"{many(plan.subsets, 'subset')} x {many(plan.items, 'item')}: {many(plan.calls, 'call')}"
    return f"{size}{money}{there}{disk}; {plan.basis}"


def print_grid(result: GridResult) -> None:
    """Print all that a person wants to know; the rest is in the JSON."""
    target = " ".join(filter(None, (result.part, result.dimension, result.measure)))
    say(f"{result.title}: {target}, judged by {result.judge}")
    say(
        f"{many(len(result.tried), 'subset')} of {many(len(result.pool), 'specialist')}; {result.choosing_prompts} of "
        f"{many(result.prompts, 'prompt')} ({result.choosing_units:,} of {many(result.units, 'unit')}) choose, the "
        "others report",
        "",
        *choice_lines(result),
        "",
        *_subsets(result),
        "",
        *_effects(result.effects),
        *(f"note: {note}" for note in result.notes),
    )
    if result.unusable:
        say(f"note: {many(result.unusable, 'item')} had images that could not be read: in no figure")
    if result.stopped:
        say(f"stopped: {result.stopped}")


def choice_lines(result: GridResult) -> list[str]:
    """The choice, what it is worth, and what may be concluded."""
    choice = result.choice
    if choice is None:
        return ["No subset has a figure."]
    told = [
        f"Chosen: {short_label(choice.specialists, result.pool)}",
        f"  on the prompts that chose it    {show_figure(choice.chooses)}",
        f"  on the other prompts            {show_figure(choice.reports)}   <- report this one",
        f"  optimism (in minus out)         {_signed(choice.optimism)}; of the gain over none "
        f"{_signed(choice.gain_optimism)}",
        f"  minus none, other prompts       {show_difference(choice.over_none, permutation=choice.permutation_p)}",
        f"  minus all, other prompts        {show_difference(choice.over_all)}",
        f"Best over all items (a search without a split): {short_label(choice.best, result.pool)} "
        f"{show_figure(choice.best_whole)}",
    ]
    if splits := result.splits:
        every = {label(result.pool): short_label(result.pool, result.pool)}
        often = ", ".join(f"{every.get(name, name)} {number}x" for name, number in list(splits.chosen.items())[:3])
        told += [
            f"Over {many(splits.number, 'random split')} a choice gains over {splits.beyond}",
            f"  on the prompts that chose it    {_signed(splits.gain_chooses)}",
            f"  on the other prompts            {_signed(splits.gain_reports)} (from {_signed(splits.low)} to "
            f"{_signed(splits.high)} in 95 % of the splits)",
            f"  chosen most                     {often}",
        ]
    return told


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def _subsets(result: GridResult) -> Iterable[str]:
    shown = _shown(result)
    rows = [
        [
            short_label(one.specialists, result.pool) + ("" if one.eligible else " (too few results)"),
            with_interval(one.chooses),
            with_interval(one.reports),
            with_interval(one.whole),
            counted(one.whole),
            f"{one.calls:,}",
            "unknown" if one.cost is None else f"${one.cost:.4f}",
            f"{one.seconds:g}",
        ]
        for one in shown
    ]
    left = len(result.tried) - len(shown)
    yield from lines(["subset", "on those that choose", "on the others", "on all", "n", "calls", "cost", "CPU s"], rows)
    if left:
        yield f"{many(left, 'more subset')} in --json"
    yield from reasons((short_label(one.specialists, result.pool), one.whole) for one in shown)
    yield legend("prompts")


def _shown(result: GridResult) -> list[Tried]:
    order = sorted(result.tried, key=lambda one: (not one.eligible, -(one.chooses.value or 0.0), len(one.specialists)))
    kept: set[Names] = {(), result.pool}
    if result.choice:
        kept |= {result.choice.specialists, result.choice.best}
    return [one for place, one in enumerate(order) if place < SHOWN or one.specialists in kept]


def _effects(effects: Iterable[Effect]) -> Iterable[str]:
    rows = [
        [
            one.specialist,
            _signed(one.change.figure.value),
            _reach(one.change.figure),
            "-" if one.change.p is None else f"{one.change.p:.3f}",
            f"{one.pairs:,}",
            f"{one.better:.1f}",
            f"{one.worse:.1f}",
            ", ".join(one.hurt[:2]) or one.change.figure.note,
        ]
        for one in effects
    ]
    heading = ["adding", "changes it by", "95 %", "p", "pairs of subsets", "units better", "worse", "most often worse"]
    yield from lines(heading, rows)
    if len(rows) > 1:
        yield f"p: of each alone; of {len(rows)} specialists believe one below {0.05 / len(rows):.4f} (Bonferroni)."


def _reach(figure: Figure) -> str:
    return f"[{figure.interval.low:+.4f}, {figure.interval.high:+.4f}]{star(figure)}" if figure.interval else "-"
