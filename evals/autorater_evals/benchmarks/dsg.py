"""DSG-1k: questions with dependencies for 1,060 prompts; and five raters' 1-5 consistency of the TIFA160 images."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autorater.checklist import Checklist
from autorater.checklist import Item as Question
from autorater.errors import UsageError, one_line
from autorater_evals.benchmarks._opinions import opinion_of
from autorater_evals.benchmarks._tables import csv_rows, find, number, place
from autorater_evals.item import Item

QUESTIONS = (
    "item_id",
    "text",
    "proposition_id",
    "dependency",
    "category_broad",
    "category_detailed",
    "question_natural_language",
)
RATINGS = ("t2i_model", "item_id", "source_id", "worker_id", "answer")
GENERATORS = {
    "mini-dalle": "mini_dalle",
    "vq-diffusion": "vq_diffusion",
    "sd1dot1": "stable_diffusion_v1_1",
    "sd1dot5": "stable_diffusion_v1_5",
    "sd2dot1": "stable_diffusion_v2_1",
}
"""DSG's name → that in TIFA160's file names."""


@dataclass(frozen=True)
class Asked:
    """One question as the file has it; `parents` are the numbers that it depends on, as text."""

    number: str
    text: str
    parents: tuple[str, ...]


def load(folder: Path) -> Iterator[Item]:
    """The prompts' questions, then the rated images."""
    prompts: dict[str, str] = {}
    questions = find(folder, "dsg-1k-anns.csv", "dsg-1k-anns.csv.gz")
    for id, prompt, asked in _asked(questions):
        prompts[id] = prompt
        yield Item(
            id=f"questions/{id}",
            part="questions",
            prompt=prompt,
            images=(f"dsg-1k/{id}.jpg",),
            cluster=prompt,
            facets={"source": id.rpartition("_")[0]},
            questions=Checklist(name=f"dsg {id}", items=tuple(_ordered(asked))),
        )
    yield from _points(find(folder, "tifa160-likert-anns.csv", "tifa160-likert-anns.csv.gz"), prompts)


def unused_dependencies(folder: Path) -> int:
    """How many of the file's dependencies are not used: on itself, on none that is asked, or in a circle."""
    path = find(folder, "dsg-1k-anns.csv", "dsg-1k-anns.csv.gz")
    given = kept = 0
    for _, _, asked in _asked(path):
        given += sum(len(set(one.parents) - {"0"}) for one in asked)
        kept += sum(len(question.depends_on) for question in _ordered(asked))
    return given - kept


def _asked(path: Path) -> Iterator[tuple[str, str, list[Asked]]]:
    """(prompt's id, prompt, its questions) in the order of the file."""
    found: dict[str, tuple[str, list[Asked]]] = {}
    for line, row in csv_rows(path, needs=QUESTIONS):
        number, text = row["proposition_id"].strip(), one_line(row["question_natural_language"])
        prompt, asked = found.setdefault(row["item_id"], (row["text"].strip(), []))
        if not number.isdecimal() or not text or any(one.number == number for one in asked):
            raise UsageError(
                f"{place(path, line)}: expected a question with a number of its own, got {number[:20]!r} {text[:40]!r}"
            )
        if row["text"].strip() != prompt:
            raise UsageError(f"{place(path, line)}: {row['item_id'][:40]!r} has two prompts: get the file again")
        parents = dict.fromkeys(parent.strip() for parent in row["dependency"].split(","))
        asked.append(Asked(number, text, tuple(parents)))
    yield from ((id, prompt, asked) for id, (prompt, asked) in found.items())


def _ordered(asked: Iterable[Asked]) -> Iterator[Question]:
    """The questions so that parents stand first; those that need not move stay in order.

    Of questions in a circle the first goes first, and does not depend on the others.
    """
    waiting, done = {one.number: one for one in asked}, set[str]()
    while waiting:
        left = {one.number: {*one.parents} & {*waiting} - {one.number} for one in waiting.values()}
        number = next((name for name, parents in left.items() if not parents), "")
        one = waiting.pop(number or next(name for name in left if _in_circle(name, left)))
        yield Question(
            id=f"q{one.number}",
            text=one.text,
            depends_on=tuple(f"q{parent}" for parent in one.parents if parent in done),
        )
        done.add(one.number)


def _in_circle(name: str, parents: Mapping[str, set[str]]) -> bool:
    """Whether a question depends on itself by way of others."""
    reached, further = set[str](), set(parents[name])
    while further:
        reached |= further
        further = {parent for one in further for parent in parents[one]} - reached
    return name in reached


def _points(path: Path, prompts: dict[str, str]) -> Iterator[Item]:
    ratings: dict[tuple[str, str, str], dict[str, float | None]] = {}
    for line, row in csv_rows(path, needs=RATINGS):
        generator, id, rater = row["t2i_model"], row["item_id"], row["worker_id"]
        if generator not in GENERATORS or id not in prompts:
            got = f"{generator[:20]!r} and {id[:40]!r}"
            raise UsageError(f"{place(path, line)}: expected a generator and a prompt that are known, got {got}")
        rating = number(row["answer"], path=path, line=line, name="answer")
        given = ratings.setdefault((generator, id, row["source_id"]), {})
        if not 1 <= rating <= 5 or rater in given:
            why = "twice by one rater" if rater in given else f"{rating:g}"
            raise UsageError(f"{place(path, line)}: expected one answer from 1 to 5 of each rater, got {why}")
        given[rater] = rating
    for (generator, id, source), given in ratings.items():
        opinion = opinion_of(given)
        assert opinion is not None  # every row has a number
        yield Item(
            id=f"points/{generator}/{id}",
            part="points",
            prompt=prompts[id],
            images=(f"images/{source}_{GENERATORS[generator]}.jpg",),
            cluster=prompts[id],
            generators=(GENERATORS[generator],),
            facets={"source": source.partition("_")[0]},
            opinions={"consistency": opinion},
        )
