"""Paper 001's ablation (Table 3): trained with assessments or not, times judged with assessments or not.

`python -m autorater_evals.training.ablation` prints it for a tiny student and made-up pictures of which the specialist
`sharpness` sees what the student's 32 pixels a side hide; with --set and --student for any set that has both variants.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from autorater.canonical import Record
from autorater.errors import AutoRaterError, UsageError
from autorater_evals.figure import Figure
from autorater_evals.printing import counted, lines, with_interval
from autorater_evals.training.phases import Phase
from autorater_evals.training.printing import headline
from autorater_evals.training.settings import Settings, Variant, make_settings
from autorater_evals.training.training import Running, train
from autorater_evals.trainset import TrainSet, open_set

PAPER: Mapping[str, float] = {"Full": 0.8533, "1": 0.7981, "2": 0.7719, "3": 0.7669, "4": 0.7740, "5": 0.7240}
"""Pearson of InternVL3-8B on AIGIQA-30K, row by row, from Table 3 of paper 001."""
PREFERRED = ("pearson", "accuracy_half", "accuracy")
"""What is told of images, of pairs and of questions."""


class Line(Record):
    """One row of the table, named as in the paper."""

    name: str
    tuned: bool
    tuned_with_tools: bool
    judged_with_tools: bool
    figure: Figure


class Ablation(Record):
    """The table. Without a value a row had no result, or the student gave every item the same score."""

    student: str
    rows: tuple[Line, ...]

    def value(self, name: str) -> float | None:
        """The figure of a row ("Full", "1" to "5")."""
        return next(row.figure.value for row in self.rows if row.name == name)


def ablate(trainset: TrainSet, student: str, out: Path, settings: Settings, *, running: Running) -> Ablation:
    """Train twice from the same base, on the examples with assessments and on those without, and judge each both ways.

    Raises UsageError when the set lacks one of the variants, and what `train` raises.
    """
    for tools in (True, False):
        for split in ("train", "test"):
            if not any(bool(one.tools) == tools for one in trainset.examples(split)):
                raise UsageError(
                    f"the set has no example {'with' if tools else 'without'} assessments in its split {split}: "
                    "an ablation needs both variants of its items"
                )

    def trained(variant: Variant) -> tuple[Phase, Phase]:
        running.tell(f"trained {variant} assessments:")
        found = train(
            trainset,
            student,
            out / variant,
            settings.model_copy(update={"variant": variant}),
            running=replace(running, evaluate=True),
        )
        assert found.before is not None
        assert found.after is not None
        return found.before, found.after

    base, aware = trained("with")
    _, free = trained("without")
    order = [("Full", aware, True), ("1", aware, False), ("2", free, True), ("3", free, False)]
    order += [("4", base, True), ("5", base, False)]
    rows = tuple(
        Line(
            name=name,
            tuned=phase is not base,
            tuned_with_tools=phase is aware,
            judged_with_tools=tools,
            figure=_figure(phase, tools=tools),
        )
        for name, phase, tools in order
    )
    return Ablation(student=base.student, rows=rows)


def _figure(phase: Phase, *, tools: bool) -> Figure:
    """The figure of the way with, or without, specialists."""
    way = next(one for one in phase.judged if bool(one.tools) == tools)
    found = {measure: figure for (_, measure), figure in headline(way.evaluation).items()}
    if measure := next((one for one in PREFERRED if one in found), None):
        return found[measure]
    items = way.evaluation.profile.items
    return Figure(measure="pearson", value=None, n=0, total=items, note="no answer could be read")


def print_ablation(found: Ablation) -> None:
    """The table on stdout, beside the paper's."""
    heading = ("setup", "FT", "FT w/ tools", "infer w/ tools", "n", found.rows[0].figure.measure, "paper 001")
    rows = [
        (
            row.name,
            *("x" if flag else "" for flag in (row.tuned, row.tuned_with_tools, row.judged_with_tools)),
            counted(row.figure),
            with_interval(row.figure),
            f"{PAPER[row.name]:.4f}",
        )
        for row in found.rows
    ]
    sys.stdout.write("\n".join(lines(heading, rows)) + "\n")
    sys.stdout.write("paper 001, Table 3: Pearson of InternVL3-8B on AIGIQA-30K; another student and other data\n")


def synthetic_ablation(out: Path, *, train_items: int = 192, held_out: int = 64, steps: int = 400) -> Ablation:
    """The table for a tiny student on made-up pictures, on the CPU.

    The base was taught to rate what its pixels show, which is half of what the label is made of; the other half is fine
    texture, which only `sharpness` measures.
    """
    from autorater_evals.training.evaluating import Asking
    from autorater_evals.training.fitting import fit
    from autorater_evals.training.synthetic import texture_set
    from autorater_evals.training.tiny import build_student

    visible = texture_set(out / "visible", train=train_items, held_out=0, seed=1, hidden=False)
    both = texture_set(out / "set", train=train_items, held_out=held_out, seed=0)
    random = build_student(out / "random", [*both.examples(), *visible.examples()])
    settings = Settings(method="full", learning_rate=3e-3, steps=steps, batch=8, accumulate=1, warmup=0.1)
    fit(visible, str(random), out / "base", settings, device="cpu")
    running = Running(device="cpu", asking=Asking(max_output_tokens=64), tell=lambda text: None)
    return ablate(both, str(out / "base"), out / "ablation", settings, running=running)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m autorater_evals.training.ablation", description=__doc__)
    parser.add_argument("--set", help="a training set with both variants (default: made-up pictures)")
    parser.add_argument("--student", help="a hub's name or a folder; with --set")
    parser.add_argument("--out", help="where the students are kept (default: nowhere)")
    parser.add_argument("--settings", default="{}", help='settings as JSON, as in {"steps": 200}; with --set')
    parser.add_argument("--device", help="cpu, cuda or mps; with --set")
    given = parser.parse_args(arguments)
    if given.set is not None and given.student is None:
        parser.error("--set needs --student")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(given.out or scratch)
            print_ablation(synthetic_ablation(out) if given.set is None else _of_a_set(given, out))
    except AutoRaterError as error:
        sys.stderr.write(f"ablation: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    return 0


def _of_a_set(given: argparse.Namespace, out: Path) -> Ablation:
    try:
        settings = make_settings(**json.loads(given.settings))
    except (ValueError, TypeError) as error:
        raise UsageError(f'--settings: expected JSON as in {{"steps": 200}}, got {given.settings!r}') from error
    running = Running(device=given.device, tell=lambda text: print(text, file=sys.stderr))
    return ablate(open_set(given.set), given.student, out, settings, running=running)


if __name__ == "__main__":
    sys.exit(main())
