"""The E-step from end to end: draft into a log, write the set; and make it again from the log alone."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autorater.canonical import digest
from autorater.errors import BudgetExceeded, MissingExtraError, ProviderError, UsageError
from autorater.events import Requested
from autorater.judge import Loop, end, item_key
from autorater.progress import progress_bar
from autorater.prompting import find_prompts
from autorater.replay import recorded_loop
from autorater.request import Request
from autorater.runlog import RunLog
from autorater.settings import TEACHING
from autorater.sync import run_sync
from autorater.vlm_judge import VlmJudge
from autorater_evals.counting import many
from autorater_evals.distillation.asking import Teacher
from autorater_evals.distillation.card import make_card
from autorater_evals.distillation.described import describe
from autorater_evals.distillation.filters import check_names
from autorater_evals.distillation.labels import Scale
from autorater_evals.distillation.making import ALL_FREE, Made, make
from autorater_evals.distillation.material import LOG, check_folder, read_material, write_material
from autorater_evals.distillation.naming import in_its_words
from autorater_evals.distillation.plan import Header, Index, Plan, Subject
from autorater_evals.distillation.source import Source, check_labels, subjects_of
from autorater_evals.trainset import Example, TrainSet, write_set
from autorater_evals.trainset.store import CARD, EXAMPLES, unused_images

if TYPE_CHECKING:
    from autorater.autorater import AutoRater

PACKAGES = {"near-duplicate": "imagehash", "rationale": "datasketch", "classifier": "sklearn"}
"""Filter → the package that it needs."""


@dataclass(frozen=True)
class Distilled:
    """What came of it. `stopped` says why there is no set, or none yet; "" when there is one."""

    folder: Path
    card: Mapping[str, Any]
    """Empty when the drafting was not finished."""
    stopped: str = ""


def distill(
    source: Source,
    open_rater: "Callable[[Path], AutoRater]",
    out: Path,
    *,
    plan: Plan | None = None,
    against: Sequence[Index] = (),
    dimension: str = "",
    scale: Scale | None = None,
    concurrency: int | None = None,
    say: Callable[[str], None] = lambda words: None,
) -> Distilled:
    """Distil `source` into the set `out`; every call is recorded in `out/log`, and the same call resumes.

    Another plan on the same data goes on from the same log: what was asked already is not asked again.

    `open_rater` opens the teacher on the folder of the log: a VLM, and specialists all, none or named. `say` is told,
    before anything is asked, which options differ from those of the set that is there.

    Raises:
        UsageError, MissingExtraError: wrong settings or data.
        RecordError: the folder holds something else, belongs to another distillation, or cannot be written.

    """
    plan = plan or Plan()
    check_plan(plan)
    check_labels(source, plan=plan, dimension=dimension, scale=scale)  # better refused before a log is begun
    check_folder(out)
    with in_its_words():
        opened = open_rater(out / LOG)
    with opened as rater:
        teacher = _teacher(rater.loop)
        log = teacher.log
        told = subjects_of(source, plan=plan, dimension=dimension, scale=scale, keep=log.keep_picture)
        subjects: list[Subject] = []
        with progress_bar(f"reading {source.origin.benchmark}", len(source.items)) as bar:
            for one in told:
                subjects.append(one)
                bar.advance()
        header = _header(source, plan, against, dimension=dimension, scale=scale)
        if changed := write_material(log.folder, header, subjects):
            kept = "the set is made anew" if (out / CARD).is_file() else "it goes on"
            say(f"{str(out)!r} was begun {'; '.join(changed)}: {kept} from its log, and asks what that does not hold")
        _note(teacher, subjects)
        try:
            made = _make(teacher, header, subjects, rater.in_flight(concurrency))
        except BudgetExceeded as error:
            end(log, "budget", str(error))
            return Distilled(out, {}, str(error))
        except ProviderError:
            end(log, "failed")
            raise
        card = make_card(teacher, header, subjects, made)
        end(log, "finished")
        if made.leaks and not plan.allow_leakage:
            return Distilled(out, card, _leaky(made))
        write_set(out, made.examples, _Blobs(log, made.examples, subjects), card, described=describe(card))
        return Distilled(out, card)


def check_plan(plan: Plan) -> None:
    """Raise UsageError when a plan cannot be followed, and MissingExtraError when a filter lacks its package."""
    check_names(plan.without)
    needed = [package for name, package in PACKAGES.items() if name not in plan.without]
    if missing := [package for package in needed if find_spec(package) is None]:
        raise MissingExtraError(f"the filters of distill ({', '.join(missing)})", extra="distillation")
    if not plan.variants or len(set(plan.variants)) != len(plan.variants):
        raise UsageError(f"the variants are tools, free or both, got {', '.join(plan.variants) or 'none'}")
    if sum(plan.holdout) >= 1:
        raise UsageError(
            f"the shares of validation and test are {plan.holdout[0]:g} and {plan.holdout[1]:g}: "
            "together they must leave something to train on"
        )


@dataclass(frozen=True)
class Checked:
    """A set made again from its log. `differing` names what is not the same."""

    folder: Path
    examples: int
    differing: tuple[str, ...]


def check(folder: str | Path) -> Checked:
    """Make the examples and the card again from the log alone, and compare them with those of the set.

    Raises RecordError when there is no set or log, and ReplayMiss when the log is not finished.
    """
    out = Path(folder)
    header, subjects = read_material(out / LOG)
    with RunLog(out / LOG) as log, in_its_words():
        teacher = _teacher(recorded_loop(log))
        made = _make(teacher, header, subjects, 1)
        card = make_card(teacher, header, subjects, made)
    lines = "".join(f"{example.model_dump_json()}\n" for example in made.examples)
    wanted = {
        EXAMPLES: lines,
        CARD: json.dumps(card, indent=1, sort_keys=True) + "\n",
        "card.md": describe(card),
    }
    differing = [name for name, text in wanted.items() if _read(out / name) != text]
    return Checked(out, len(made.examples), (*differing, *_faulty_images(out, made.examples)))


def _faulty_images(out: Path, examples: Sequence[Example]) -> Iterator[str]:
    """How many images are not there, are not what their names say, or are of no example."""
    files = dict(TrainSet(out).files) if (out / "images").is_dir() else {}
    used = {image for one in examples for image in (*one.candidates, *one.sources)}
    if missing := len(used - files.keys()):
        yield f"{many(missing, 'image')} missing"
    if changed := sum(digest(files[name].read_bytes()) != name for name in used & files.keys()):
        yield f"{many(changed, 'image')} of other bytes"
    if unused := len(unused_images(out, examples)):
        yield f"{many(unused, 'image')} that no example uses"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _teacher(loop: Loop) -> Teacher:
    if not isinstance(loop.judge, VlmJudge) or loop.ledger.log is None:
        raise UsageError("a teacher is a VLM with a log: name one with --teacher provider:model")
    if loop.selection.how not in ("all", "none", "fixed"):
        raise UsageError("a teacher is told all assessments that apply: --tools all, none or names")
    return Teacher(loop, loop.judge, loop.ledger.log)


def _header(source: Source, plan: Plan, against: Sequence[Index], *, dimension: str, scale: Scale | None) -> Header:
    return Header(
        origin=source.origin,
        plan=plan,
        prompts={name: find_prompts()[name].digest for name in TEACHING},
        against=tuple(against),
        dimension=dimension,
        scale=scale,
        parts=tuple(sorted({item.part for item in source.items})),
    )


def _note(teacher: Teacher, subjects: Sequence[Subject]) -> None:
    """Write each request to the log, once."""
    for subject in subjects:
        if subject.problem:
            continue
        request: Request = teacher.request(subject)
        key = item_key(request)
        if not teacher.log.has("requested", key):
            teacher.log.append(
                Requested(
                    key=key,
                    id=subject.item,
                    task=subject.task,
                    prompt=subject.prompt,
                    sources=subject.sources,
                    candidates=subject.candidates,
                    questions=subject.questions,
                )
            )


def _make(teacher: Teacher, header: Header, subjects: Sequence[Subject], concurrency: int) -> Made:
    total = len([one for one in subjects if not one.problem]) * len(header.plan.variants)
    with progress_bar(f"distilling {header.origin.benchmark}", total) as bar:
        return run_sync(
            make(
                teacher,
                header,
                subjects,
                concurrency=concurrency,
                advance=lambda: bar.advance(cost=teacher.log.spent),
            )
        )


def _leaky(made: Made) -> str:
    figure = made.leakage
    value = "" if figure is None or figure.value is None else f"{figure.value:.3f}"
    # Of wrong answers it may be the outcome that is told, which more answers would cure.
    few = figure is not None and ALL_FREE in figure.note
    more = "ask for more answers without the label (--free), since too few are right to compare; " if few else ""
    return (
        f"a classifier tells rationales written with the label from those without (AUC {value}), so no set is written: "
        f"{more}use another teacher, or say --allow-leakage with the same --out to write it with that on its card"
    )


class _Blobs(Mapping[str, tuple[str, bytes]]):
    """The images of examples, read from the log one by one."""

    def __init__(self, log: RunLog, examples: Sequence[Example], subjects: Sequence[Subject]) -> None:
        used = {image for one in examples for image in (*one.candidates, *one.sources)}
        records = {one.sha256: one for subject in subjects for one in (*subject.candidates, *subject.sources)}
        self._types = {name: one.media_type for name, one in records.items() if name in used}
        self._blob = partial(log.blob)

    def __getitem__(self, name: str) -> tuple[str, bytes]:
        return self._types[name], self._blob(name)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._types))

    def __len__(self) -> int:
        return len(self._types)
