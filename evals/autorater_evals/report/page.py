"""`report.html`: one file that holds tables, plots and every item, and needs no server, no network and no other file.

Its own policy forbids every request and every script but the one whose hash it names. Whatever came from a benchmark, a
judge or a specialist stands in inert blocks and becomes text, never markup.
"""

import base64
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import IO, Any, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autorater.errors import RecordError, without_folders
from autorater.progress import progress_bar
from autorater_evals.report import MOST_ITEMS, tables, wording
from autorater_evals.report.drawing import Plot, inline_svg
from autorater_evals.report.entries import CHUNK, Gathered, gather, inert_json
from autorater_evals.report.plots import make_plots
from autorater_evals.report.scored import Recording, Scored
from autorater_evals.report.thumbnails import PICTURES, Small, choose_side, make_small, small_picture

_SCRIPTS = ("page.js", "store.js", "list.js", "images.js", "details.js", "start.js")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: `side` is how many pixels a side the pictures have at most, `left_out` counts those missing."""

    bytes: int
    items: int
    shown: int
    pictures: int
    left_out: int
    side: int
    plots: tuple[Plot, ...]


def write_page(path: str | Path, runs: Sequence[Scored], *, title: str, most: int = MOST_ITEMS) -> Written:
    """Write the report to `path`, whole or not at all. Memory does not grow with what the items hold.

    Raises:
        RecordError: a log is damaged, or the file cannot be written; nothing is left behind.

    """
    target = Path(path)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            written = _write(file, runs, title=title, most=most)
            file.flush()
            os.fsync(file.fileno())
        size = part.stat().st_size
        part.replace(target)
    except OSError as error:
        raise RecordError(
            f"cannot write the report {target.name!r} to the folder {str(target.parent)!r}: "
            f"{error.strerror or error}; choose a folder that exists and has room"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return Written(size, *written)


def _write(file: IO[str], runs: Sequence[Scored], *, title: str, most: int) -> tuple[Any, ...]:
    with ExitStack() as stack:
        details = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n"))
        found = gather(runs, details, most=most)
        table = tables.main_table(runs)
        plots = make_plots(runs, found.seen, table)
        logs = [stack.enter_context(Recording(run.run)) for run in runs]
        pictures = [_small(logs, sha256) for sha256 in found.columns.pictures.names]
        side = choose_side(pictures, budget=PICTURES)
        style, script = _style(), _script()
        page = _environment().get_template("report.html")
        context = _context(runs, found, plots, table, title=title, side=side)
        for piece in page.generate(style=Markup(style), script_hash=_hash(script), style_hash=_hash(style), **context):
            file.write(piece)
        index = found.columns.value() | {"chunk": CHUNK}
        file.write(f'<script type="application/json" id="index">{inert_json(index)}</script>\n')
        file.write(f"<script>{script}</script>\n")
        details.seek(0)
        shutil.copyfileobj(details, file)
        for number, text in enumerate(found.columns.masks):
            file.write(f'<script type="text/plain" id="m{number}">{text}</script>\n')
        missing = 0
        with progress_bar("pictures", len(pictures)) as bar:
            for number, text in enumerate(make_small(pictures, budget=PICTURES, side=side)):
                missing += text is None
                file.write(f'<script type="text/plain" id="p{number}">{text or ""}</script>\n')
                bar.advance()
        file.write("</body>\n</html>\n")
    return found.items, found.shown, len(pictures), missing, side, plots


def _small(logs: Sequence[Recording], sha256: str) -> Small:
    """A function that finds the recorded picture and makes it small, so that no picture is held meanwhile."""

    def small(side: int) -> str | None:
        picture = next((one for log in logs if (one := log.picture(sha256))), None)
        try:
            return None if picture is None else small_picture(picture, side)
        except RecordError:  # the blob was deleted: a report without this picture is better than none
            return None

    return small


def _context(
    runs: Sequence[Scored], found: Gathered, plots: Sequence[Plot], table: tables.Table, *, title: str, side: int
) -> dict[str, Any]:
    return {
        "title": title,
        "runs": runs,
        "table": table,
        "notes": tables.shared_notes(runs),
        "plots": [plot for plot in plots if plot.panels],
        "left_out": [plot for plot in plots if not plot.panels],
        "found": found,
        "side": side,
    }


def _hash(text: str) -> str:
    """The hash of an inline script or style, as a content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _script() -> str:
    """The scripts as one, in one scope, strict."""
    folder = resources.files("autorater_evals.report") / "templates"
    parts = [(folder / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return '"use strict";\n{\n' + "\n".join(parts) + "}\n"


@cache
def _style() -> str:
    return (resources.files("autorater_evals.report") / "templates" / "style.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("autorater_evals.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    filters = cast(dict[str, Any], environment.filters)
    for function in (wording.number, wording.interval_text, wording.counted, wording.measure_words, wording.cost_text):
        filters[function.__name__] = function
    filters["inline_svg"] = _drawn
    filters.update(outcomes=wording.outcomes_text, without_folders=without_folders)
    return environment


def _drawn(plot: Plot) -> Markup:
    return Markup(inline_svg(plot))


def _finalize(value: object) -> object:
    """What no HTML file may hold becomes U+FFFD."""
    return wording.printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
