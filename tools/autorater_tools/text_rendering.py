"""Text rendering: whether the picture shows the words that the prompt quotes."""

from collections.abc import Sequence

from autorater.assessment import Declined, Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._pixels import small_or_blank
from autorater_tools._prompts import need_prompt
from autorater_tools._quotes import closest, letters, quoted
from autorater_tools._reading import load_reader
from autorater_tools._weights import own_card

NO_PROMPT = "a prompt is needed: this specialist looks for the words that the prompt quotes"


class TextRendering:
    """Text read by PP-OCRv4 against the quoted words: 1 minus the character error rate."""

    def __init__(self, *, device: str = "cpu") -> None:
        self.reader = load_reader(own_card("text_rendering"))

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """The accuracy for one picture; declined when the prompt quotes no text."""
        wanted = [text for text in quoted(need_prompt(view, NO_PROMPT)) if letters(text)]
        if not wanted:
            return Declined(reason="the prompt quotes no text that the picture should show")
        if refusal := small_or_blank(view.image.array(), shorter=16):
            return refusal
        lines = self.reader.read(view.image)
        read = letters("".join(line.text for line in lines))
        length = sum(len(letters(text)) for text in wanted)
        errors = sum(min(len(letters(text)), closest(letters(text), read)) for text in wanted)
        surplus = max(0, len(read) - length) / len(read) if read else 0.0
        return Measured(
            readings=(
                Reading(quantity="character_accuracy", value=1 - errors / length),
                Reading(quantity="surplus", value=surplus),
            ),
            regions=tuple(line.region() for line in lines),
            text=f"Wanted: {' | '.join(wanted)}. Read: {' | '.join(line.text for line in lines) or 'nothing'}.",
        )
