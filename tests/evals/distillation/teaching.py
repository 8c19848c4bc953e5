"""What the tests of distillation share: labelled data on disk, and teachers that write by a script."""

import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pictures import png
from scripted import ScriptedModel, answer

from autorater import AutoRater
from autorater.canonical import digest
from autorater.messages import Text
from autorater.model import Question
from autorater.retrying import Retries
from autorater_evals.distillation import Distilled, Plan, distill, open_source

WORDS = [
    "light",
    "shadow",
    "edge",
    "texture",
    "colour",
    "tone",
    "grain",
    "line",
    "shape",
    "depth",
    "face",
    "hand",
    "sky",
    "water",
    "stone",
    "leaf",
    "wall",
    "road",
    "glass",
    "metal",
    "sharp",
    "soft",
    "warm",
    "cold",
    "plain",
    "busy",
    "clean",
    "rough",
    "even",
    "odd",
    "near",
    "far",
    "bright",
    "dark",
    "calm",
    "full",
    "thin",
    "wide",
    "round",
    "bent",
]
Change = Callable[[dict[str, Any], Question], dict[str, Any]]
"""What becomes of the fields of an answer."""


def write_rows(folder: Path, rows: Sequence[dict[str, Any]], *, pictures: int = 0) -> Path:
    """`items.jsonl` and noise pictures 0.png, 1.png, … beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(pictures):
        (folder / f"{number}.png").write_bytes(png(number))
    path = folder / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pairs(count: int, *, sides: str = "ab") -> list[dict[str, Any]]:
    """Rows of pairs, each of a prompt and two pictures of its own; the better ones in turn."""
    return [
        {
            "id": f"p{number}",
            "prompt": f"a {WORDS[number % len(WORDS)]} fox number {number}",
            "image_a": f"{2 * number}.png",
            "image_b": f"{2 * number + 1}.png",
            "preferred": {"a": "a", "b": "b", "t": "tie"}[sides[number % len(sides)]],
        }
        for number in range(count)
    ]


def photographs(folder: Path, count: int) -> Path:
    """A folder as biq2021's, of noise pictures."""
    rows = [{"id": f"b{n}", "image": f"{n}.png", "human": {"mos": round(n / count, 3)}} for n in range(count)]
    return write_rows(folder, rows, pictures=count).parent


def block_of(question: Question) -> str:
    """What stands in the block with the label; "" without one."""
    last = question.conversation.turns[-1].parts[-1]
    found = re.search(r"<<<label \w+\n(.*?)\nlabel ", last.text, re.DOTALL) if isinstance(last, Text) else None
    return found.group(1) if found else ""


def said_to(question: Question) -> str:
    """All text of a question."""
    parts = [part.text for turn in question.conversation.turns for part in turn.parts if isinstance(part, Text)]
    return "\n".join([question.conversation.system, *parts])


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(12))


def writer(change: Change = lambda told, question: told) -> Callable[[Question], str]:
    """A teacher that believes the label, and without one goes by the pictures' names; words are drawn, not thought.

    `change` spoils what it writes. A reader of a rationale believes its last sentence.
    """

    def script(question: Question) -> str:
        if question.schema_name == "rederivation":
            return answer(question, **_reread(question))
        names = [picture.sha256 for picture in question.conversation.pictures()]
        # Drawn by the images in the order shown, and by whether there is a label: the words never tell which.
        chance = random.Random(digest(f"{names}{question.sample}{bool(block_of(question))}".encode()))
        told: dict[str, Any] = json.loads(answer(question))
        told["rationale"] = _sentence(chance).capitalize() + "."
        block = block_of(question)
        if "preference" in told:
            found = re.search(r"Image (\d) is", block)
            place = int(found.group(1)) if found else 1 + (names[-1] > names[-2])
            told["preference"] = "tie" if block.startswith("Tie") else f"image_{place}"
            told["rationale"] += f" All in all {told['preference'].replace('_', ' ').replace('image', 'Image')}."
        elif "score" in told:
            found = re.search(r"is ([\d.]+) of", block)
            told["score"] = round(float(found.group(1))) if found else 1 + int(names[-1], 16) % 10
            told["rationale"] += f" All in all {told['score']}."
        else:
            for line in block.splitlines():
                name, _, said = line.partition(": ")
                told["checklist"][name]["image_1"] = said
        return json.dumps(change(told, question))

    return script


def _reread(question: Question) -> dict[str, Any]:
    if "preference" in question.schema["properties"]:
        [found] = re.findall(r"All in all (Image 1|Image 2|tie)\.", said_to(question))
        return {"preference": found.lower().replace(" ", "_")}
    if "score" in question.schema["properties"]:
        [found] = re.findall(r"All in all (\d+)\.", said_to(question))
        return {"score": int(found)}
    return dict.fromkeys(question.schema["properties"], "cannot_tell")


def teach(
    data: Path | str,
    out: Path,
    *,
    script: Callable[[Question], Any] | None = None,
    plan: Plan | None = None,
    model: ScriptedModel | None = None,
    tools: str = "none",
    limit: int | None = None,
    folder: Path | None = None,
    max_cost: float | None = None,
    price: Any = None,
    rater: dict[str, Any] | None = None,
    research: bool = False,
    **rest: Any,
) -> tuple[Distilled, ScriptedModel]:
    """Distil by a script; the model that was asked comes back too."""
    teacher = model or ScriptedModel(script or writer())

    def opened(log: Path) -> AutoRater:
        return AutoRater(
            teacher,
            tools=tools,
            log=log,
            cache=False,
            samples=2,
            max_cost=max_cost,
            price=price,
            retries=Retries(attempts=2, first_wait=0, longest_wait=0),
            **(rater or {}),
        )

    source = open_source(str(data), folder=folder, limit=limit, research=research)
    return distill(source, opened, out, plan=plan or Plan(), **rest), teacher
