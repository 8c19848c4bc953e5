"""Checklists: yes/no questions about an image, with dependencies as in the Davidsonian Scene Graph (arXiv 2310.18235).

A question whose parent is not answered "yes" is not asked in effect: its answer becomes "not_applicable" and leaves the
mean. The lists are Markdown files beside the prompts.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from autorater.canonical import Record
from autorater.document import read_document
from autorater.errors import UsageError, one_line

Answer: TypeAlias = Literal["yes", "no", "not_applicable", "cannot_tell"]
ANSWERS: tuple[Answer, ...] = ("yes", "no", "not_applicable", "cannot_tell")


def fold(value: object) -> object:
    """Lower case, spaces as underscores: providers do not promise the letter case of an enum."""
    return value.strip().lower().replace(" ", "_").replace("-", "_") if isinstance(value, str) else value


class Item(Record):
    """One question. "yes" is always the good answer."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    text: str = Field(min_length=1, max_length=500)
    """One line: the prompts show the questions as a list."""
    depends_on: tuple[str, ...] = ()
    """Questions that must be answered "yes" for this one to count; they stand earlier in the list."""

    @field_validator("text")
    @classmethod
    def _one_line(cls, text: str) -> str:
        if one_line(text) != text:
            raise ValueError("expected one line of text")
        return text


class Checklist(Record):
    """Questions in the order in which they are asked."""

    name: str
    items: tuple[Item, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        seen: set[str] = set()
        for item in self.items:
            if item.id in seen:
                raise ValueError(f"two questions are called {item.id!r}")
            if unknown := set(item.depends_on) - seen:
                raise ValueError(f"{item.id!r} depends on {sorted(unknown)}, which must stand before it")
            seen.add(item.id)
        return self

    def settle(self, answers: Mapping[str, Answer]) -> dict[str, Answer]:
        """The answers in the list's order, with "not_applicable" wherever a parent is not "yes"."""
        settled: dict[str, Answer] = {}
        for item in self.items:
            met = not item.depends_on or all(settled[parent] == "yes" for parent in item.depends_on)
            settled[item.id] = answers[item.id] if met else "not_applicable"
        return settled


def share_of_yes(answers: Mapping[str, Answer]) -> float | None:
    """The share of "yes" among "yes" and "no", 0 to 1, higher is better; None when there is neither."""
    decided = [answer for answer in answers.values() if answer in ("yes", "no")]
    return decided.count("yes") / len(decided) if decided else None


@cache
def default_checklist(*, edit: bool) -> Checklist:
    """The list that comes with the package, for generations or for edits."""
    name = "edit" if edit else "generation"
    file = resources.files("autorater_prompts") / "checklists" / f"{name}.md"
    return read_document(file.read_text(encoding="utf-8"), Checklist, name=file.name).meta


def read_checklist(path: str | Path) -> Checklist:
    """A checklist from a Markdown file with front matter `name` and `items`.

    Raises:
        UsageError: the file is missing or malformed; the message says where.

    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read the checklist {str(path)!r}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read the checklist {str(path)!r}: expected a text file in UTF-8") from error
    return read_document(text, Checklist, name=Path(path).name).meta
