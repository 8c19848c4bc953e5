"""Text found: which text is in the picture, and where."""

from collections.abc import Sequence

from autorater.assessment import Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._pixels import small_or_blank
from autorater_tools._reading import Line, load_reader
from autorater_tools._weights import own_card


class TextFound:
    """Lines read by PP-OCRv4, with their boxes; no text is an answer too."""

    def __init__(self, *, device: str = "cpu") -> None:
        self.reader = load_reader(own_card("text_found"))

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """The number of lines and characters, the share of the picture they cover, and the text."""
        if refusal := small_or_blank(view.image.array(), shorter=16):
            return refusal
        lines = self.reader.read(view.image)
        values = {
            "lines": float(len(lines)),
            "characters": float(sum(len(line.text) for line in lines)),
            "area": min(1.0, sum(map(_area, lines))),
        }
        return Measured(
            readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()),
            regions=tuple(line.region() for line in lines),
            text="Text read: " + " | ".join(line.text for line in lines) if lines else "No text was found.",
        )


def _area(line: Line) -> float:
    left, top, right, bottom = line.box
    return (right - left) * (bottom - top)
