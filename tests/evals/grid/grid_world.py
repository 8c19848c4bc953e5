"""A small world for grids: pairs of tiny pictures, and a scripted judge whose rightness depends on its specialists."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from judging import said_to
from pictures import png
from scripted import ScriptedModel, answer

from autorater import AutoRater
from autorater.cli_options import JudgeOptions
from autorater.image import open_picture
from autorater.model import Question
from autorater.retrying import Retries
from autorater_evals.benchmark import get_benchmark
from autorater_evals.grid.judging import record_assessments
from autorater_evals.grid.search import Search
from autorater_evals.grid.target import targets_of
from autorater_evals.item import Item
from autorater_evals.recorded import Header
from autorater_evals.running import prepare

POOL = ("brisque", "colour", "exposure", "sharpness")
Rightness = Callable[[tuple[str, ...]], float]
"""The specialists in the prompt → how often the judge is right, 0 to 1."""


def make_pairs(folder: Path, *, prompts: int, each: int = 2) -> Path:
    """A folder with `items.jsonl`: `each` pairs of every prompt, of which the first picture is always the better."""
    folder.mkdir()
    rows: list[str] = []
    for number in range(prompts * each):
        names = [f"{number}{side}.png" for side in "ab"]
        for place, name in enumerate(names):
            (folder / name).write_bytes(png(2 * number + place, width=24, height=16))
        told = {"id": f"p{number}", "prompt": f"prompt {number // each}", "image_a": names[0], "image_b": names[1]}
        rows.append(json.dumps({**told, "preferred": "a"}))
    (folder / "items.jsonl").write_text("\n".join(rows) + "\n")
    return folder


def load_pairs(folder: Path, part: str = "pairs") -> tuple[Header, list[Item]]:
    """Header and items of such a folder."""
    found = get_benchmark("jsonl")
    return prepare(found, found.load(folder, parts=[part]), data=folder)


def shown(question: Question) -> tuple[str, ...]:
    """The specialists that stand in a prompt."""
    text = said_to(question)
    return tuple(name for name in POOL if f" {name}." in text or f"- {name}," in text)


def judge_of(folder: Path, rightness: Rightness) -> ScriptedModel:
    """Prefers the better picture as often as `rightness` says, the same in both orders; which ones, a hash decides."""
    better = {open_picture(path).sha256 for path in folder.glob("*a.png")}

    def script(question: Question) -> str:
        first, second = (picture.sha256 for picture in question.conversation.pictures()[-2:])
        names = shown(question)
        drawn = sha256("".join([*sorted((first, second)), *names]).encode()).digest()
        right = int.from_bytes(drawn[:4], "big") / 2**32 < rightness(names)
        told = "image_1" if (first in better) == right else "image_2"
        return answer(question, preference=told)

    return ScriptedModel(script)


def base_of(model: ScriptedModel, pool: tuple[str, ...] = POOL, **options: object) -> AutoRater:
    """The judge that all subsets share."""
    quick = Retries(attempts=1, first_wait=0, longest_wait=0)
    return AutoRater(model, tools=pool, cache=False, retries=quick, **options)  # type: ignore[arg-type]


def search_of(
    folder: Path, log: Path, *, pool: tuple[str, ...] = POOL, max_size: int = 3, part: str = "pairs"
) -> Search:
    """A grid over these pairs whose specialists are recorded."""
    header, items = load_pairs(folder, part)
    run = record_assessments(header, items, pool, JudgeOptions(), data=folder, log=log / "assessments")
    target = targets_of(header.parts, items)[0]
    return Search(log, header, target, pool, max_size, 0.5, run)
