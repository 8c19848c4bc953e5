"""One line of one's own data, and everything that is wrong with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, cast

from autorater.canonical import Record
from autorater.errors import one_line
from autorater.suggest import did_you_mean

LONGEST = 60
"""Characters of a wrong value that a message shows."""
LARGEST = 1e300
"""Numbers beyond it are mistakes, and would overflow in a square."""


class Problem(Record):
    """One thing that is wrong with a file."""

    file: str
    line: int
    """Counted from 1."""
    field: str
    """As in "ratings.quality"; "" for the line as a whole."""
    expected: str
    came: str
    fix: str
    """What to do, as a command."""

    @property
    def text(self) -> str:
        """One line for people."""
        where = f"{self.file}, line {self.line}" + (f", {self.field}" if self.field else "")
        return one_line(f"{where}: expected {self.expected}, got {self.came}: {self.fix}")


def _encodes(text: str) -> bool:
    """Whether it can be written: half of a surrogate pair cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def shown(value: object) -> str:
    """A value as a message shows it."""
    text = one_line(repr(value))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


@dataclass
class Row:
    """The fields of one line. What is wrong is added to `problems`, and reading goes on without it."""

    file: str
    line: int
    fields: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list[Problem])

    def flag(self, field: str, expected: str, came: str, fix: str) -> None:
        """Add a problem."""
        self.problems.append(
            Problem(file=self.file, line=self.line, field=field, expected=expected, came=came, fix=fix)
        )

    def unknown(self, given: Iterable[str], known: Iterable[str], *, within: str = "") -> None:
        """Flag fields that mean nothing; those that begin with `_` are the owner's notes."""
        names = tuple(known)
        for name in given:
            if name not in names and not name.startswith("_"):
                near = did_you_mean(name, names)
                fix = f"{near}; or begin its name with _ to keep it as a note"
                self.flag(f"{within}{name}", "a field that is known", f"the unknown field {shown(name)}", fix)

    def text(self, name: str, *, needed: bool = False) -> str:
        """A text, or a whole number as text; "" where it is missing or wrong."""
        if name not in self.fields:
            if needed:
                self.flag(name, "a text", "no such field", f"add {name!r}")
            return ""
        return self.checked_text(self.fields[name], name)

    def checked_text(self, value: object, field: str) -> str:
        """`value` where it is a text that is not empty, or a whole number; "" else."""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value.strip() and _encodes(value):
            return value
        self.flag(field, "a text that is not empty", shown(value), "write a text in quotation marks")
        return ""

    def number(self, value: object, field: str) -> float | None:
        """`value` as a finite number; None where it is none."""
        if isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST:
            return float(value)
        self.flag(field, "a finite number", shown(value), "write a number without quotation marks, or leave it out")
        return None

    def mapping(self, value: object, field: str, what: str) -> dict[str, Any]:
        """`value` where it is an object with at least one entry, and all have names; empty else."""
        if isinstance(value, dict) and value and "" not in value:
            return cast(dict[str, Any], value)
        came = shown(cast(object, value))
        self.flag(field, f"an object {what}", came, "see `autorater eval describe jsonl`")
        return {}

    def paths(self, name: str) -> tuple[str, ...]:
        """The paths of a field that is one path or a list of them; none where it is missing."""
        if name not in self.fields:
            return ()
        value: Any = self.fields[name]
        listed = cast(list[Any], value) if isinstance(value, list) else [value]
        found = [path for path in (self._path(one, name) for one in listed) if path]
        if not listed:
            self.flag(name, "at least one path", "an empty list", "name the image, or leave the field out")
        return tuple(found)

    def _path(self, value: object, name: str) -> str:
        if not isinstance(value, str) or not value.strip() or not _encodes(value):
            self.flag(name, "the path of an image", shown(value), "write the path in quotation marks")
            return ""
        path = PurePosixPath(value.replace("\\", "/"))
        if "://" in value or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            fix = "copy the image beside the file and name it from there"
            self.flag(name, "a path within the folder of the file", shown(value), fix)
            return ""
        return value
