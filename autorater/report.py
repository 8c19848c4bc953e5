"""`report.html`: judgments as one page that needs no server, no script and no other file.

Everything in it that came from a prompt, a judge or a specialist is untrusted: it is escaped, isolated in its writing
direction, and the page's own policy forbids scripts and requests.
"""

import base64
import io
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autorater import report_evidence, report_rows, report_words
from autorater.annotate import annotate
from autorater.assessment import Measured
from autorater.card import Card
from autorater.errors import AutoRaterError, RecordError, without_folders
from autorater.image import Picture
from autorater.judgment import Judgment

MAX_SIDE = 768
"""Images are shown with at most so many pixels a side."""
_SIDES = ((100, MAX_SIDE), (400, 512))
"""Up to so many pictures in a report, so many pixels a side; beyond, the last: browsers must still open the page."""
_LEAST_SIDE = 384
_FEW_COLOURS = 256
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Plate:
    """A picture as the report embeds it, once; `href` is a data: URL, `width` and `height` are the original's."""

    id: str
    href: str
    width: int
    height: int


def write_report(
    path: str | Path,
    judgments: Sequence[Judgment],
    pictures: Mapping[str, Picture],
    cards: Mapping[str, Card],
    *,
    title: str,
    checklists: Mapping[str, str] | None = None,
) -> Path:
    """Write the report to `path`, whole or not at all, and return the path. The arguments are those of `render_report`.

    Raises:
        RecordError: the folder is missing, cannot be written, or is full; nothing is left behind.

    """
    target = Path(path)
    data = render_report(judgments, pictures, cards, title=title, checklists=checklists).encode()
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise RecordError(
            f"cannot write the report {target.name!r} of {len(data) / 2**20:.1f} MiB to the folder "
            f"{str(target.parent)!r}: {error.strerror or error}; choose a folder that exists and has room"
        ) from error
    return target


def render_report(
    judgments: Sequence[Judgment],
    pictures: Mapping[str, Picture],
    cards: Mapping[str, Card],
    *,
    title: str,
    checklists: Mapping[str, str] | None = None,
) -> str:
    """The report as HTML; equal arguments give equal bytes.

    `pictures` maps sha256 → picture; one that is missing or unreadable is shown as such. `cards` explains what the
    specialists measure. `checklists` maps a question's id to its text ("edit.<id>" or "generation.<id>" where the two
    kinds ask differently); the lists that come with the package are known, any other question is its id in words.
    What the agent's specialists marked is taken from `pictures` too, or drawn once more.
    """
    known = {**pictures, **_drawn_again(judgments, pictures)}
    wanted = dict.fromkeys(
        name for item in judgments for name in (*item.sources, *item.candidates, *report_rows.drawn(item))
    )
    held = [known[name] for name in wanted if name in known]
    side = next((side for most, side in _SIDES if len(held) <= most), _LEAST_SIDE)
    plates = {picture.sha256: plate for picture in held if (plate := _plate(picture, side))}
    return (
        _environment()
        .get_template("report.html")
        .render(
            title=title,
            judgments=judgments,
            plates=plates,
            cards=cards,
            checklists=checklists or {},
            totals=report_words.totals(judgments),
            side=side,
        )
    )


def _drawn_again(judgments: Sequence[Judgment], pictures: Mapping[str, Picture]) -> dict[str, Picture]:
    """The pictures of findings that are not at hand, drawn once more; one that comes out otherwise is left out."""
    found: dict[str, Picture] = {}
    for item in judgments:
        missing = {name for name in report_rows.drawn(item) if name not in pictures}
        images = dict(zip(report_words.letters(item), item.candidates, strict=False))
        for told in item.assessments if missing else ():
            picture = pictures.get(images.get(told.candidate, ""))
            if picture is not None and isinstance(told.outcome, Measured):
                with suppress(AutoRaterError, OSError):
                    drawn = annotate(picture, told.outcome)
                    found |= {drawn.sha256: drawn} if drawn and drawn.sha256 in missing else {}
    return found


def _plate(picture: Picture, side: int) -> Plate | None:
    """The picture made smaller; PNG where that keeps few colours exact, JPEG otherwise."""
    from PIL import Image

    try:
        pixels = picture.rgb()
        scale = min(1.0, side / max(pixels.size))
        if scale < 1:
            size = (max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
            pixels = pixels.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    except (AutoRaterError, OSError):
        return None
    finally:
        picture.forget()  # hundreds of decoded pictures do not fit into memory
    buffer = io.BytesIO()
    flat = pixels.getcolors(_FEW_COLOURS) is not None
    if flat:
        pixels.save(buffer, "PNG", optimize=True)
    else:
        pixels.save(buffer, "JPEG", quality=85, optimize=True)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    href = f"data:image/{'png' if flat else 'jpeg'};base64,{text}"
    return Plate(f"picture-{picture.sha256[:16]}", href, picture.width, picture.height)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("autorater"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    filters, names = cast(dict[str, Any], environment.filters), cast(dict[str, Any], environment.globals)
    words = report_words
    for function in (words.words, words.short, words.percent, words.money, without_folders, words.and_list):
        filters[function.__name__] = function
    names.update(words=report_words, rows=report_rows, evidence=report_evidence)
    return environment


def _printable(value: object) -> object:
    """Control characters and lone surrogates, which no HTML file may hold, as U+FFFD."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNPRINTABLE.sub("\ufffd", value)
    return value
