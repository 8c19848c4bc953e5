"""`distill.jsonl` beside the log: a header line, then one subject a line. A set is made of it and the log."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from autorater.canonical import Record
from autorater.document import describe_errors
from autorater.errors import RecordError
from autorater.runlog import RunLog
from autorater_evals.distillation.changed import changes, refuse_other_labels
from autorater_evals.distillation.plan import Header, Subject
from autorater_evals.files import put_whole, read_lines

NAME, LOG = "distill.jsonl", "log"
_BEGUN = ("events.jsonl", "blobs", "writer.lock")
"""What a log has from its first moment."""
Form = TypeVar("Form", bound=Record)


def _fixed(header: Header) -> dict[str, object]:
    """What must not change from one run into a log to the next; plans may, since calls are found by what they ask."""
    return {"benchmark": header.origin.benchmark, "data": header.origin.data, "prompts": header.prompts}


def check_folder(out: Path) -> None:
    """Raise RecordError when the folder of a set holds something else, which a distillation would mix with its own."""
    log = out / LOG
    if not out.exists() or (log / NAME).is_file():
        return
    if not out.is_dir():
        raise RecordError(f"{str(out)!r} is a file: name a folder as --out")
    others = sorted(one.name for one in out.iterdir() if one.name != LOG)
    if log.is_dir():  # one that was killed before its material was written has asked nothing yet
        others += sorted(f"{LOG}/{one.name}" for one in log.iterdir() if one.name not in _BEGUN)
    if not others and (log / "events.jsonl").is_file():
        with RunLog(log) as begun:
            others += [f"{LOG}/ of another run"] if any(map(begun.count, ("requested", "asked", "judged"))) else []
    if others:
        raise RecordError(
            f"{str(out)!r} holds {', '.join(others[:3])}{' …' * (len(others) > 3)}, and the {NAME} of a distillation "
            f"is not in its {LOG}/: choose another --out"
        )


def write_material(folder: Path, header: Header, subjects: Sequence[Subject]) -> list[str]:
    """Put it beside the log, whole or not at all; a changed plan takes the place of the last one.

    Returns the options that differ from the last ones, in words.

    Raises RecordError when the folder belongs to a distillation of other data or labels, or cannot be written.
    """
    path, changed = folder / NAME, list[str]()
    if path.exists():
        last, known = read_material(folder)
        before, asked = _fixed(last), _fixed(header)
        if differing := [name for name in asked if before[name] != asked[name]]:
            raise RecordError(
                f"{str(folder)!r} belongs to a distillation of other data or with other prompts "
                f"({', '.join(differing)} differ): give the same to resume, or choose another --out"
            )
        refuse_other_labels(last, header, known, subjects)
        changed = changes(last, header)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        put_whole(path, "".join(f"{one.model_dump_json()}\n" for one in (header, *subjects)).encode())
    except OSError as error:
        raise RecordError(f"cannot write {NAME} to {str(folder)!r}: {error.strerror or error}") from error
    return changed


def read_material(folder: Path) -> tuple[Header, list[Subject]]:
    """The header and the subjects of a distillation. Raises RecordError when there is none, or it is damaged."""
    path = folder / NAME
    try:
        lines = read_lines(path)
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"no distillation at {str(folder)!r}: expected {NAME} in it") from error
    if lines == [""]:
        raise RecordError(f"{NAME} of {str(folder)!r} is empty: distil into another folder")
    header = _read(Header, lines[0], 1)
    return header, [_read(Subject, line, number) for number, line in enumerate(lines[1:], 2)]


def _read(form: type[Form], line: str, number: int) -> Form:
    try:
        return form.model_validate_json(line)
    except ValidationError as error:
        raise RecordError(f"{NAME}, line {number}: {describe_errors(error)}: the file is damaged") from error
