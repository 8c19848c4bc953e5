"""What a specialist found, drawn into the picture that it looked at: numbered boxes and a translucent heat map.

Boxes are numbered as the regions of the outcome are, from 1, so that a text may speak of "box 3". A label that finds
no free place shrinks to its number and stands in the strip below the picture, where the legend of the heat map is too.
"""

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeAlias
from unicodedata import combining, normalize

from autorater.assessment import MASK_SIDE, Mask, Measured, Region
from autorater.errors import ImageError, one_line
from autorater.image import Picture, open_picture

if TYPE_CHECKING:
    from PIL import Image, ImageFont

LONGEST = 1024
"""Pixels of the longer side of what is drawn, at most."""
SHORTEST = 512
"""Smaller pictures are enlarged to this longer side: a label needs room."""
MOST = 30
"""Boxes that are drawn at most, the surest first."""
_LETTERS = 36
"""Letters of a label at most."""
_WEAKEST, _STRONGEST = (255, 214, 0), (230, 0, 60)
_COLOURS = (
    (255, 59, 48),
    (0, 199, 255),
    (255, 214, 10),
    (52, 199, 89),
    (255, 45, 200),
    (255, 140, 0),
    (110, 120, 255),
    (190, 255, 60),
    (0, 215, 180),
    (255, 160, 190),
    (175, 82, 222),
    (245, 245, 245),
)
"""Of the boxes, in turn. Each line has a black edge on both sides, so that it shows on a ground of its own colour."""

Colour: TypeAlias = tuple[int, int, int]
Pixels: TypeAlias = tuple[int, int, int, int]
"""left, top, right, bottom; right and bottom belong to it."""
_Font: TypeAlias = "ImageFont.FreeTypeFont | ImageFont.ImageFont"


def annotate(picture: Picture, outcome: Measured) -> Picture | None:
    """The picture with the regions and the mask of `outcome` drawn in, as a JPEG; None when there is nothing to draw.

    At most 1024 pixels on the longer side. Regions beyond the surest 30 are counted, not drawn.

    Raises:
        ImageError: the mask is no image.

    """
    from PIL import Image

    heat = None if outcome.mask is None else _strengths(outcome.mask)
    if not outcome.regions and heat is None:
        return None
    pixels = picture.rgb()
    scale = min(LONGEST / max(pixels.size), max(1.0, SHORTEST / max(pixels.size)))
    size = (max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
    canvas = pixels.resize(size, Image.Resampling.LANCZOS)
    if heat is not None:
        canvas = _heated(canvas, heat)
    paper = _Paper(canvas)
    untold = _draw_regions(paper, outcome.regions)
    left_out = len(outcome.regions) - MOST
    notes = [*untold, *([f"{left_out} less sure boxes are not drawn"] if left_out > 0 else [])]
    label = None if heat is None or outcome.mask is None else outcome.mask.label
    drawn = _with_strip(paper, label, notes, graded=heat is not None and _graded(heat))
    drawn.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    drawn.save(buffer, "JPEG", quality=92, subsampling=0)
    return open_picture(buffer.getvalue(), name=f"{picture.origin}, annotated")


# The heat map ---------------------------------------------------------------------------------------------------------


def _strengths(mask: Mask) -> "Image.Image | None":
    """The mask in mode L; None when it is 0 everywhere. It may come from another machine, so it is read with care."""
    from PIL import Image

    try:
        image = Image.open(BytesIO(b64decode(mask.png)), formats=["PNG"])
        if max(image.size) > MASK_SIDE:
            raise ValueError(f"{image.width}x{image.height} pixels, at most {MASK_SIDE} a side")
        image = image.convert("L")
    except Exception as error:  # Pillow's decoders raise anything on broken files
        raise ImageError(f"the mask {one_line(mask.label)[:60]!r} is no small PNG ({one_line(error)[:100]})") from error
    return image if image.getbbox() else None


def _graded(heat: "Image.Image") -> bool:
    """Whether the mask is more than yes and no, so that a scale tells something."""
    return sum(count > 0 for count in heat.histogram()[1:]) > 1


def _heated(canvas: "Image.Image", heat: "Image.Image") -> "Image.Image":
    """Yellow where the mask is weak to red where it is strong, with a line around what is at least half sure.

    The picture loses some of its own colour, so that a red bus is not taken for a finding.
    """
    from PIL import Image, ImageChops, ImageFilter, ImageOps

    strength = heat.resize(canvas.size, Image.Resampling.BICUBIC)
    paler = Image.blend(canvas, ImageOps.grayscale(canvas).convert("RGB"), 0.5)
    colour = ImageOps.colorize(strength, _WEAKEST, _STRONGEST)
    heated = Image.composite(colour, paler, strength.point([round(value * 0.62) for value in range(256)]))
    sure = strength.point([255 if value >= 128 else 0 for value in range(256)])
    near = sure.filter(ImageFilter.MaxFilter(3))
    heated.paste((0, 0, 0), mask=ImageChops.subtract(near.filter(ImageFilter.MaxFilter(3)), near))
    heated.paste((255, 255, 255), mask=ImageChops.subtract(near, sure))
    return heated


# The boxes ------------------------------------------------------------------------------------------------------------


@dataclass
class _Paper:
    """The picture that is drawn on, its pen, and the places that labels have taken."""

    image: "Image.Image"

    def __post_init__(self) -> None:
        from PIL import ImageDraw, ImageFont

        self.pen: ImageDraw.ImageDraw = ImageDraw.Draw(self.image)
        letters = min(22, max(13, round(max(self.image.size) / 46)))
        self.font: _Font = ImageFont.load_default(letters)
        self.line = max(2, round(max(self.image.size) / 300))
        self.taken: list[Pixels] = []

    def plate(self, text: str) -> tuple[int, int]:
        """Width and height of a label with its margin."""
        top, bottom = self.font.getbbox("Ag|")[1::2]
        return round(self.font.getlength(text)) + 8, round(bottom - top) + 6

    def write(self, text: str, place: Pixels, colour: Colour) -> None:
        """A label on a plate of the box's colour."""
        self.pen.rectangle(place, fill=colour, outline=(0, 0, 0))
        light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 110
        ink = (0, 0, 0) if light else (255, 255, 255)
        top = self.font.getbbox("Ag|")[1]
        self.pen.text((place[0] + 4, place[1] + 3 - top), text, fill=ink, font=self.font)
        self.taken.append(place)


def _draw_regions(paper: _Paper, regions: Sequence[Region]) -> list[str]:
    """Draw them, large ones first; returns the labels that found no place."""
    surest = sorted(enumerate(regions, 1), key=lambda pair: -(1.0 if pair[1].score is None else pair[1].score))[:MOST]
    boxes = {number: _pixels(region, paper.image.size) for number, region in surest}
    by_size = sorted(surest, key=lambda pair: -_area(boxes[pair[0]]))
    for number, _ in by_size:
        _outline(paper, boxes[number], _COLOURS[(number - 1) % len(_COLOURS)])
    untold: list[tuple[int, str]] = []
    for number, region in reversed(by_size):  # small boxes have the fewest places for their labels
        text = label_of(number, region, paper.font)
        colour = _COLOURS[(number - 1) % len(_COLOURS)]
        place = _free_place(paper, boxes[number], text)
        if place is None:
            untold.append((number, text))
            text = str(number)
            place = _free_place(paper, boxes[number], text) or _places(paper, boxes[number], text)[0]
        paper.write(text, place, colour)
    return [text for _, text in sorted(untold)]


def label_of(number: int, region: Region, font: _Font) -> str:
    """Number, label and score; letters that the font cannot draw become question marks."""
    name = drawable(one_line(region.label), font)
    name = name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…"
    return " ".join(part for part in (str(number), name, "" if region.score is None else f"{region.score:.2f}") if part)


def drawable(text: str, font: _Font) -> str:
    """`text` without accents, and with what the font has no sign for as "?"."""
    if text.isascii():
        return text

    def shape(letter: str) -> bytes:
        mask: Any = font.getmask(letter)
        return bytes(mask) + repr(mask.size).encode()

    unknown = shape("\U0010fffd")
    plain = "".join(letter for letter in normalize("NFKD", text) if not combining(letter))
    return "".join(letter if letter.isascii() or shape(letter) != unknown else "?" for letter in plain)


def _pixels(region: Region, size: tuple[int, int]) -> Pixels:
    """The box in pixels, at least 4 a side, inside the picture."""
    (left, top, right, bottom), (width, height) = region.box, size
    x0, y0 = min(round(left * width), max(0, width - 4)), min(round(top * height), max(0, height - 4))
    return (
        x0,
        y0,
        min(width - 1, max(round(right * width), x0 + 4)),
        min(height - 1, max(round(bottom * height), y0 + 4)),
    )


def _area(box: Pixels) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _outline(paper: _Paper, box: Pixels, colour: Colour) -> None:
    """A coloured line inside the box between two black ones."""
    for inset in range(paper.line + 2):
        edge = (box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset)
        if edge[0] <= edge[2] and edge[1] <= edge[3]:
            paper.pen.rectangle(edge, outline=(0, 0, 0) if inset in (0, paper.line + 1) else colour)


def _places(paper: _Paper, box: Pixels, text: str) -> list[Pixels]:
    """Where a label may stand: at the corners of its box, outside first, pushed into the picture."""
    width, height = paper.plate(text)
    corners = [
        (box[0], box[1] - height),
        (box[2] - width, box[1] - height),
        (box[0], box[3] + 1),
        (box[2] - width, box[3] + 1),
        (box[0], box[1]),
        (box[2] - width, box[1]),
        (box[0], box[3] - height),
        (box[2] - width, box[3] - height),
    ]
    inside = [(x, y) for x, y in corners if 0 <= y <= paper.image.height - height]
    places: list[Pixels] = []
    for x, y in inside or [(box[0], max(0, min(box[1], paper.image.height - height)))]:
        left = max(0, min(x, paper.image.width - width))
        places.append((left, y, left + width - 1, y + height - 1))
    return places


def _free_place(paper: _Paper, box: Pixels, text: str) -> Pixels | None:
    """The first place that no label has taken and that is not wider than the picture."""
    free = [
        place
        for place in _places(paper, box, text)
        if place[2] < paper.image.width and not any(_overlap(place, other) for other in paper.taken)
    ]
    return free[0] if free else None


def _overlap(one: Pixels, other: Pixels) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


# The strip below ------------------------------------------------------------------------------------------------------


def _with_strip(paper: _Paper, heat: str | None, notes: Sequence[str], *, graded: bool) -> "Image.Image":
    """The picture with the legend of the heat map and the notes below it; as it is when there is neither.

    A mask that is not `graded` has one colour and no scale.
    """
    from PIL import Image, ImageDraw, ImageOps

    rows = _rows(paper, notes)
    if heat is None and not rows:
        return paper.image
    row = paper.plate("1")[1] + 2
    height = row * ((heat is not None) + len(rows)) + 6
    whole = Image.new("RGB", (paper.image.width, paper.image.height + height), (24, 24, 24))
    whole.paste(paper.image, (0, 0))
    pen, y, top = ImageDraw.Draw(whole), paper.image.height + 4, paper.font.getbbox("Ag|")[1]
    if heat is not None:
        ramp = Image.linear_gradient("L").rotate(90) if graded else Image.new("L", (1, 1), 255)
        ramp = ramp.resize((min(120, max(24, whole.width // 6)) if graded else 24, row - 6))
        whole.paste(ImageOps.colorize(ramp, _WEAKEST, _STRONGEST), (6, y + 1))
        text = drawable(one_line(heat), paper.font) + (": weak to strong" if graded else "")
        pen.text((14 + ramp.width, y + 1 - top), text, fill=(255, 255, 255), font=paper.font)
        y += row
    for line in rows:
        pen.text((6, y + 1 - top), line, fill=(255, 255, 255), font=paper.font)
        y += row
    return whole


def _rows(paper: _Paper, notes: Sequence[str]) -> list[str]:
    """The notes, as many on a row as fit."""
    rows: list[str] = []
    for note in notes:
        longer = f"{rows[-1]}   {note}" if rows else note
        if rows and paper.font.getlength(longer) <= paper.image.width - 12:
            rows[-1] = longer
        else:
            rows.append(note)
    return rows
