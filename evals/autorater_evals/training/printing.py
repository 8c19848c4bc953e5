"""A training as a person reads it in the terminal: settings, loss, and the held-out examples before and after."""

import sys
from collections.abc import Iterator, Sequence

from autorater_evals.evaluation import Evaluation
from autorater_evals.figure import Figure
from autorater_evals.printing import counted, legend, lines, reasons, with_interval
from autorater_evals.training.phases import Phase, device_of
from autorater_evals.training.rounds import Rounds
from autorater_evals.training.settings import Settings
from autorater_evals.training.training import Running, Training

MEASURES = (
    "accuracy_half",
    "accuracy_strict",
    "accuracy_both_orders",
    "accuracy_answered_orders",
    "position_consistency",
    "first_rate",
    "pearson",
    "spearman",
    "accuracy",
)
"""Those of an evaluation that are told of a training, in order."""
LEGEND = f"{legend('components')} Log likelihoods in nats."


def show_settings(settings: Settings, *, device: str) -> str:
    """The settings on one line, those that are in force on a device."""
    cuda = device.startswith("cuda")
    told: dict[str, object] = settings.model_dump()
    told |= {
        "learning_rate": settings.rate,
        "max_pixels": settings.max_pixels or "the processor's",
        "dtype": settings.dtype or ("bfloat16" if cuda else "float32"),
        "checkpointing": cuda if settings.checkpointing is None else settings.checkpointing,
        "save_every": settings.save_every or "epoch",
    }
    del told["steps" if settings.steps is None else "epochs"]
    if settings.method == "lora":
        told |= {"alpha": settings.scale, "targets": ",".join(settings.targets) or "language model"}
    else:
        told = {name: value for name, value in told.items() if name not in ("rank", "alpha", "dropout", "targets")}
    return "  ".join(f"{name}={value}" for name, value in told.items())


def show_running(running: Running) -> str:
    """On what a training runs and how it is evaluated, on one line."""
    told = f"device={device_of(running.device)}  processes={running.processes}"
    if not running.evaluate:
        return f"{told}  not evaluated"
    items = "all" if running.asking.limit is None else f"{running.asking.limit:,} at most"
    return f"{told}  held-out items={items}  max_output_tokens={running.asking.max_output_tokens}"


def print_training(training: Training) -> None:
    """The whole training on stdout."""
    fitted = training.fitted
    sys.stdout.write(f"{training.student}: {show_settings(training.settings, device=training.device)}\n")
    loss = f"; loss {fitted.loss[0][1]:.3f} to {fitted.loss[-1][1]:.3f}" if fitted.loss else ""
    left_out = f" ({fitted.left_out:,} left out for what is held out)" if fitted.left_out else ""
    sys.stdout.write(
        f"{fitted.examples:,} examples{left_out}, {fitted.steps:,} step{'s' * (fitted.steps != 1)}, "
        f"{fitted.epochs:.3g} epochs, {fitted.devices} device{'s' * (fitted.devices > 1)}; {fitted.trained:,} of "
        f"{fitted.parameters:,} parameters trained{loss}\n"
    )
    if training.before is None or training.after is None:
        sys.stdout.write("not evaluated\n")
        return
    sys.stdout.write(f"\nheld out: {training.held_out:,} examples (split {training.split})\n")
    heading = ("measure", "protocol", "specialists", "n", "before", "after")
    table = lines(heading, compare_phases(training.before, training.after))
    sys.stdout.write("\n".join([*table, *why_undefined(training.before, training.after), LEGEND]) + "\n")


def why_undefined(*phases: Phase) -> list[str]:
    """Why figures of the table have no value."""
    ways = [way for phase in phases for way in phase.judged]
    return reasons((measure, figure) for way in ways for (_, measure), figure in headline(way.evaluation).items())


def compare_phases(before: Phase, after: Phase) -> Iterator[Sequence[str]]:
    """Rows of measure, protocol, specialists, n (before → after where they differ), before and after."""
    pairs = zip(_likely(before), _likely(after), strict=True)
    for one, other in pairs:
        yield one.measure, "", "", counted(other), with_interval(one), with_interval(other)
    for one, other in zip(before.judged, after.judged, strict=True):
        earlier, later = headline(one.evaluation), headline(other.evaluation)
        tools, items = "+".join(one.tools) or "none", f"{other.evaluation.profile.items:,}"
        yield "outcomes", one.protocol, tools, items, _outcomes(one.evaluation), _outcomes(other.evaluation)
        for key in dict.fromkeys([*earlier, *later]):
            numbers = dict.fromkeys(counted(found[key]) for found in (earlier, later) if key in found)
            told = [with_interval(found[key]) if key in found else "-" for found in (earlier, later)]
            yield key[1], one.protocol, tools, " → ".join(numbers), *told


def _outcomes(evaluation: Evaluation) -> str:
    return ", ".join(f"{count:,} {outcome}" for outcome, count in evaluation.profile.outcomes.items())


def _likely(phase: Phase) -> tuple[Figure, ...]:
    return phase.likelihood.rationale, phase.likelihood.label, phase.likelihood.rationale_per_token


def headline(evaluation: Evaluation) -> dict[tuple[str, str], Figure]:
    """(part, measure) → figure of all items, for the measures that are told of a training."""
    found = {
        (row.part, row.figure.measure): row.figure
        for row in evaluation.rows
        if row.slice == "all" and row.figure.measure in MEASURES
    }
    return dict(sorted(found.items(), key=lambda one: (one[0][0], MEASURES.index(one[0][1]))))


def print_rounds(found: Rounds) -> None:
    """What each round made of the held-out examples of the first set, on stdout."""
    heading = ("round", "examples", "log p(rationale)", "log p(label | rationale)", "measure", "held out")
    sys.stdout.write("\n".join(lines(heading, _round_rows(found))) + f"\n{LEGEND}\n")


def _round_rows(found: Rounds) -> Iterator[Sequence[str]]:
    phases = [("base", "", found.rounds[0].before)]
    phases += [
        (str(number), f"{training.fitted.examples:,}", training.after)
        for number, training in enumerate(found.rounds, 1)
    ]
    for name, examples, phase in phases:
        if phase is None:
            continue
        likely = (with_interval(phase.likelihood.rationale), with_interval(phase.likelihood.label))
        for way in phase.judged:
            figures = list(headline(way.evaluation).values())[:1]
            told = [(figure.measure, with_interval(figure)) for figure in figures] or [("", "-")]
            yield name, examples, *likely, *told[0]
