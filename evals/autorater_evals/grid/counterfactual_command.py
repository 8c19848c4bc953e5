"""`autorater eval counterfactual`: what a recorded run would have said, had something been different."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autorater_evals.requirements import require_statistics

if TYPE_CHECKING:
    from autorater_evals.grid.answered import Counterfactual

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]


def counterfactual(
    run: Annotated[Path, typer.Argument(help="An evaluated run: the folder that --log named.")],
    tie_rule: Annotated[str | None, typer.Option(help="Count ties so: strict, half, drop, three_way.")] = None,
    tie_threshold: Annotated[float | None, typer.Option(min=0, help="Margins up to this are ties.")] = None,
    order: Annotated[str | None, typer.Option(help="Order of a pair: given (or first), random, both.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Only the first so many answers per order.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Without this specialist; repeatable.")] = None,
    keep: Annotated[str | None, typer.Option(help="With these specialists only, a,b (or none).")] = None,
    criterion: Annotated[
        str, typer.Option(help="Let this decide: a reading (sharpness.detail), or a dimension of the embedded judge.")
    ] = "",
    weights: Annotated[
        list[str] | None, typer.Option(help="Of the embedded judge: a JSON file, or appeal.niqe=0.2; repeatable.")
    ] = None,
    checklist_weights: Annotated[
        str | None, typer.Option(help="Let the checklist decide: equal, question=2,other=1, or a JSON file.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Another protocol of the VLM.")] = None,
    model: Annotated[str, typer.Option(help="Another VLM, provider:model.")] = "",
    panel: Annotated[list[Path] | None, typer.Option(help="Another run to judge with; repeatable.")] = None,
    reduce: Annotated[str, typer.Option(help="How a panel agrees: mean_prob or majority.")] = "mean_prob",
    part: Annotated[str, typer.Option(help="Only this part of the benchmark.")] = "",
    dimension: Annotated[str, typer.Option(help="Only this dimension.")] = "",
    measure: Annotated[str, typer.Option(help="This measure instead of the part's headline.")] = "",
    as_json: AsJson = False,
) -> None:
    """Change weights, tie rule, thresholds, order, specialists or panel of a recorded run, and see what comes of it.

    Each change is answered exactly by the record, or the calls that it would need are counted and nothing is guessed
    (status 3).
    """
    require_statistics()
    from pydantic import ValidationError

    from autorater.document import describe_errors
    from autorater.embedded import read_coefficients
    from autorater.errors import UsageError
    from autorater_evals.grid import changes as reading
    from autorater_evals.grid.counterfactual import what_if
    from autorater_evals.recorded import open_run

    try:
        changes = reading.Changes.model_validate(
            {
                "order": reading.read_order(order),
                "samples": samples,
                "keep": reading.read_names(keep),
                "drop": tuple(drop or ()),
                "criterion": criterion,
                "weights": reading.read_weights(weights or (), read_coefficients()),
                "protocol": protocol,
                "model": model,
                "checklist_weights": reading.read_checklist_weights(checklist_weights),
                "tie_threshold": tie_threshold,
                "tie_rule": reading.read_tie_rule(tie_rule),
                "panel": tuple(map(str, panel or ())),
                "reduce": reduce,
            }
        )
    except ValidationError as error:
        raise UsageError(describe_errors(error)) from error
    found = what_if(open_run(run), changes, part=part, dimension=dimension, measure=measure)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=1) + "\n")
    else:
        _show(found)
    if found.missing is not None:
        raise typer.Exit(3)


def _show(found: "Counterfactual") -> None:
    from autorater_evals.grid.printing import show_difference
    from autorater_evals.printing import legend, lines, say, with_interval

    say(f"{found.run}: {found.judge}")
    for one in found.answered:
        say(f"{one.change}: {'answered exactly' if one.exactly else 'NOT answered'} ({one.why})")
    if found.missing is not None:
        cost = "cost unknown" if found.missing.cost is None else f"about ${found.missing.cost:.2f}"
        asked = f"{found.missing.calls:,} new calls ({cost}) and {found.missing.looks:,} looks of specialists"
        say("", f"The recording does not answer this: it needs {asked}. Nothing is guessed; run it, then compare.")
        return
    table = [
        [
            one.part,
            one.dimension,
            " -> ".join(dict.fromkeys([one.before.measure, one.after.measure])),
            with_interval(one.before),
            with_interval(one.after),
            f"{one.moved:,}",
            show_difference(one.difference),
        ]
        for one in found.rows
    ]
    heading = ["part", "dimension", "measure", "before", "after", "moved", "after - before"]
    say("", *lines(heading, table), *(f"note: {note}" for note in found.notes), legend("prompts"))
