"""Small synthetic runs to report on, and readers of what the page holds."""

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scripted import ScriptedModel, answer

from autorater.model import Question
from autorater_evals import evaluate
from autorater_evals.report.scored import Scored, open_scored
from autorater_evals.report.synthetic import write_synthetic

ITEMS = 60


def two_runs(folder: Path) -> tuple[Scored, ...]:
    """Two judges of the same pairs."""
    one = write_synthetic(folder / "one", items=ITEMS, side=48)
    other = write_synthetic(folder / "other", items=ITEMS, side=48, seed=1, name="synthetic:two")
    return open_scored([one, other])


def hostile_run(folder: Path) -> tuple[Scored, ...]:
    """A run whose every text attacks the page."""
    return open_scored([write_synthetic(folder / "hostile", items=30, side=48, hostile=True)])


def rated_run(folder: Path) -> tuple[Scored, ...]:
    """A judge of single images that sees how bright they are, as people do."""

    def sees(question: Question) -> str:
        pixels = np.asarray(question.conversation.pictures()[0].rgb(), dtype=np.float64)
        return answer(question, score=1 + round(9 * float(pixels.mean()) / 255))

    data = rated_pictures(folder / "avt")
    evaluate("avt", data, log=folder / "log", model=ScriptedModel(sees), tools="none", parts=["points"])
    return open_scored([folder / "log"])


def rated_pictures(folder: Path) -> Path:
    """Twelve grey pictures in the layout of AVT whose appeal is their brightness."""
    (folder / "images").mkdir(parents=True)
    items: list[dict[str, Any]] = []
    for number in range(12):
        level = 20 * number + 10
        Image.new("RGB", (48, 32), (level, level, level)).save(folder / "images" / f"{number}.png")
        told = {"image": f"images/{number}.png", "prompt": f"scene {number % 4}", "prompt_id": f"p{number % 4}"}
        human = {"appeal_mean": 1 + 4 * level / 255}
        items.append({"id": f"item{number}", "generator": "alder", "human": human, **told})
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    (folder / "pairs.jsonl").write_text("", encoding="utf-8")
    return folder


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script and style, by id or kind."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: dict[str, str] = {}
        self.running: list[str] = []
        self.styles: list[str] = []
        self.words: list[str] = []
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        told = dict(attrs)
        self._open = (told.get("id") or "") if tag == "script" and "type" in told else "run" if tag == "script" else tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "style":
            self.styles.append(data)
        elif self._open == "run":
            self.running.append(data)
        elif re.fullmatch(r"index|[dpm]\d+", self._open):
            self.scripts[self._open] = self.scripts.get(self._open, "") + data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    @property
    def lines(self) -> str:
        """The text with one line for each piece of it."""
        return "\n".join(one.strip() for one in self.words if one.strip())

    @property
    def index(self) -> Any:
        return json.loads(self.scripts["index"])

    def details(self) -> list[Any]:
        """Every item, in order."""
        chunks = sorted((int(name[1:]), text) for name, text in self.scripts.items() if name.startswith("d"))
        return [item for _, text in chunks for item in json.loads(zlib.decompress(base64.b64decode(text)))]
