"""The whole chain on real pictures and labels: distil, check, export, read back, train, evaluate, report.

`python -m autorater_evals.training.chain --data ../shared/data --out DIR` runs it on AVT-AI-Images and on the part of
BIQ2021 that lies there. The student is tiny and the teacher is a script that repeats people's label, so the figures are
of the chain, not of a judge. The same command goes on where one was stopped.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from autorater.autorater import AutoRater
from autorater.canonical import Record
from autorater.checklist import default_checklist
from autorater.errors import AutoRaterError, RecordError, UsageError
from autorater.progress import progress_bar
from autorater.verdict import parse_verdict
from autorater_evals.distillation import Plan, check, distill, open_source
from autorater_evals.exports import ReadBack, export, read_back, read_rows
from autorater_evals.figure import Figure
from autorater_evals.files import put_whole
from autorater_evals.printing import lines, with_interval
from autorater_evals.training.evaluating import Asking
from autorater_evals.training.printing import LEGEND, compare_phases, why_undefined
from autorater_evals.training.recounting import Counted, recount
from autorater_evals.training.scripted_teacher import ScriptedTeacher
from autorater_evals.training.settings import Settings
from autorater_evals.training.tiny import build_student
from autorater_evals.training.training import Running, Training, train
from autorater_evals.trainset import Example, TrainSet, open_set

DATA = {"avt": "avt-ai-images", "biq2021": "biq2021-subset"}
"""Benchmark → its folder in --data."""
TOOLS = ("sharpness", "colour", "exposure")
FORMATS = ("trl", "llamafactory")
TOKENS = 96
"""Of the student's answer at most."""
NOTE = (
    "The teacher is a script that repeats people's label in drawn words, and the student a network of some 100,000 "
    "weights: these are figures of the chain, not of a judge."
)
TITLE = "The chain from labels to a student (scripted teacher, tiny student: no judge)"


class Link(Record):
    """The chain on one benchmark."""

    benchmark: str
    teacher: str
    licence: str
    counts: tuple[Counted, ...]
    checked: tuple[str, ...]
    """What `distill check` finds differing; nothing, where the log gives the set."""
    leakage: Figure | None
    """AUC of the classifier that tells rationales with the label from those without; null where it was not asked."""
    exported: dict[str, int]
    """Format → rows that were read back and say what their examples say."""
    training: Training


class Chain(Record):
    """What came of it on every benchmark."""

    note: str = NOTE
    links: tuple[Link, ...]
    report: str
    """The file's name in the folder."""


def run_chain(data: Path, out: Path, *, limit: int | None = None, steps: int = 200, tokens: int = TOKENS) -> Chain:
    """Run the chain on `data` into `out`; `limit` is the most items of a part, `tokens` the most of an answer.

    What is done already is kept.

    Raises:
        UsageError: the data are not there, or too few to hold some out; or `out` was begun with other settings.
        RecordError: counts of a card do not come out again, or an export does not say what its set says.

    """
    from autorater_evals.report.page import write_page
    from autorater_evals.report.scored import open_scored

    if missing := [name for name in DATA.values() if not (data / name).is_dir()]:
        raise UsageError(
            f"expected the folders {', '.join(DATA.values())} in {str(data)!r}; no {', '.join(missing)} there"
        )
    _begin(out, {"--limit": limit, "--steps": steps, "--max-output-tokens": tokens})
    sets = {name: _distilled(name, data / folder, out / name / "set", limit) for name, folder in DATA.items()}
    base = out / "tiny"
    if not base.is_dir():  # random weights, which know the phrases of all sets
        build_student(base, [one for trainset in sets.values() for one in trainset.examples()])
    links = tuple(
        _link(name, trainset, base, out / name, steps=steps, tokens=tokens) for name, trainset in sets.items()
    )
    runs = [log for link in links for log in _runs(out / link.benchmark / f"tiny-{link.benchmark}", link.training)]
    write_page(out / "report.html", open_scored(runs), title=TITLE)
    chain = Chain(links=links, report="report.html")
    put_whole(out / "chain.json", f"{chain.model_dump_json(indent=1)}\n".encode())
    return chain


def _begin(out: Path, settings: dict[str, int | None]) -> None:
    """Bind the folder to its settings before anything is written, so that one wrong option ruins nothing."""
    if wrong := [f"{name} {value}" for name, value in settings.items() if value is not None and value < 1]:
        raise UsageError(f"expected a number from 1 up, got {', '.join(wrong)}")
    path = out / "begun.json"
    begun = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else settings
    if differing := [name for name, value in settings.items() if begun.get(name) != value]:
        told = ", ".join(f"{name} {begun.get(name)}, now {settings[name]}" for name in differing)
        raise UsageError(f"{str(out)!r} was begun with {told}: give the same to go on, or choose another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        put_whole(path, f"{json.dumps(settings)}\n".encode())
    except OSError as error:
        raise RecordError(f"cannot write to {str(out)!r}: {error.strerror or error}; choose another --out") from error


def _distilled(name: str, folder: Path, out: Path, limit: int | None) -> TrainSet:
    _tell(f"{name}: distilling")
    # BIQ2021 states no licence: what is trained here is thrown away, or kept for research.
    source = open_source(name, folder=folder, limit=limit, research=True)
    # Of a guesser's answers without the label few are right, and the classifier of leaks wants many such.
    # On a handful of items it measures chance: such a set is written all the same, and its card says so.
    plan = Plan(tries=2, free=6, tie_gap=0.2, holdout=(0.0, 0.3), allow_leakage=limit is not None)

    def opened(log: Path) -> AutoRater:
        return AutoRater(
            ScriptedTeacher(), tools=TOOLS, protocol="autorater-paper", log=log, samples=2, cache=False, max_cost=None
        )

    found = distill(source, opened, out, plan=plan)
    if found.stopped:
        raise UsageError(f"{name}: {found.stopped}")
    if not found.card["splits"]["test"]["examples"]:
        raise UsageError(
            f"{name}: its few items hang together, so that none can be held out: choose another --out and a --limit of "
            "12 or more"
        )
    return open_set(out)


def _link(name: str, trainset: TrainSet, base: Path, out: Path, *, steps: int, tokens: int) -> Link:
    _tell(f"{name}: checking, exporting and reading back")
    counts, checked = recount(trainset), check(trainset.folder).differing
    if wrong := [one.what for one in counts if not one.equal] + list(checked):
        raise RecordError(f"{name}: not what the log gives: {', '.join(wrong)}")
    exported = {format: _read_back(trainset, format, out / format) for format in FORMATS}
    settings = Settings(method="full", learning_rate=3e-3, steps=steps, batch=8, accumulate=1, warmup=0.1)
    running = Running(device="cpu", asking=Asking(max_output_tokens=tokens), tell=_tell)
    training = train(trainset, str(base), out / f"tiny-{name}", settings, running=running)
    card = trainset.card
    auc = card["leakage"]["auc"]
    return Link(
        benchmark=name,
        teacher=card["teacher"]["name"],
        licence=card["source"]["licence"],
        counts=counts,
        checked=checked,
        leakage=None if auc is None else Figure.model_validate(auc),
        exported=exported,
        training=training,
    )


def _read_back(trainset: TrainSet, format: str, out: Path) -> int:
    """Export all splits, read every row back, and count those that say what their examples say, verdicts included.

    Raises RecordError when an example has no row, or a row says something else.
    """
    exported = export(trainset, format, out, splits=("train", "validation", "test"))
    examples = {one.id: one for one in trainset.examples()}
    total = sum(exported.rows.values())
    same = 0
    with progress_bar(f"reading {format} back", total) as bar:
        for split, count in exported.rows.items():
            for row in read_rows(out, split) if count else ():
                told = read_back(format, row, folder=out)
                example = examples.pop(told.id, None)
                same += example is not None and says_the_same(told, example)
                bar.advance()
    if examples or same != total:
        raise RecordError(
            f"{format}: {len(examples):,} examples have no row, and {same:,} of {total:,} rows say what their examples "
            f"say: remove {out.name!r} and run it again"
        )
    return same


def says_the_same(told: ReadBack, example: Example) -> bool:
    """Whether a row says what its example says: the request, the order, and the verdict as the judge reads it."""
    checklist = default_checklist(edit=bool(example.sources))
    verdict = parse_verdict(example.completion, task=example.task, checklist=checklist, order=example.order, bare=True)
    shown = (told.task, told.candidates, told.sources, told.order, told.verdict)
    return shown == (example.task, example.candidates, example.sources, example.order, verdict)


def _runs(student: Path, training: Training) -> list[Path]:
    """The evaluated runs before and after; their names begin so."""
    found = sorted((student / "evaluation").glob("*/*/benchmark.jsonl"))
    ways = sum(len(phase.judged) for phase in (training.before, training.after) if phase is not None)
    if len(found) != ways:
        raise RecordError(
            f"expected {ways} evaluated runs in {student.name!r}, found {len(found)}: choose another --out"
        )
    return [path.parent for path in found]


def print_chain(chain: Chain) -> None:
    """Counts and figures on stdout."""
    for link in chain.links:
        fitted = link.training.fitted
        sys.stdout.write(f"\n{link.benchmark} (teacher {link.teacher}; {link.licence})\n")
        rows: list[Sequence[str]] = [(one.what, _arrow(one.card), _arrow(one.again), one.how) for one in link.counts]
        rows += [(f"rows of {name}", "", f"{count:,}", "read back") for name, count in link.exported.items()]
        sys.stdout.write("\n".join(lines(("count", "card", "again", "from"), rows)) + "\n")
        sys.stdout.write(f"distill check: {'the same' if not link.checked else ', '.join(link.checked)}\n")
        if link.leakage is not None:
            sys.stdout.write(f"AUC of the leakage classifier: {with_interval(link.leakage)} (n {link.leakage.n})\n")
        sys.stdout.write(f"trained on {fitted.examples:,} examples, {fitted.steps:,} steps\n\n")
        if link.training.before is not None and link.training.after is not None:
            heading = ("measure", "protocol", "specialists", "n", "before", "after")
            told = compare_phases(link.training.before, link.training.after)
            why = why_undefined(link.training.before, link.training.after)
            sys.stdout.write("\n".join([*lines(heading, told), *why]) + "\n")
    sys.stdout.write(f"\n{LEGEND}\n{chain.note}\n")


def _arrow(counts: Sequence[int]) -> str:
    return " → ".join(f"{count:,}" for count in counts)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chain and print it."""
    parser = argparse.ArgumentParser(prog="python -m autorater_evals.training.chain", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=f"holds the folders {', '.join(DATA.values())}")
    parser.add_argument("--out", type=Path, required=True, help="where everything is kept; resumes")
    parser.add_argument("--limit", type=int, help="items of a part at most, 12 or more (default: all)")
    parser.add_argument("--steps", type=int, default=200, help="of each training")
    parser.add_argument("--max-output-tokens", type=int, default=TOKENS, help="of an answer of the student")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout and nothing else there")
    given = parser.parse_args(arguments)
    try:
        tokens = given.max_output_tokens
        chain = run_chain(given.data, given.out, limit=given.limit, steps=given.steps, tokens=tokens)
    except AutoRaterError as error:
        _tell(f"chain: {error}")
        return 2 if isinstance(error, UsageError) else 1
    if given.json:
        sys.stdout.write(f"{chain.model_dump_json(indent=1)}\n")
    else:
        print_chain(chain)
        sys.stdout.write(f"report: {given.out / chain.report}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
