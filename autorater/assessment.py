"""What specialists say: readings with declared quantities, regions, text, or a typed reason for having none."""

import math
from base64 import b64decode, b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from autorater.canonical import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Better: TypeAlias = Literal["higher", "lower", "neither"]
MASK_SIDE = 256
"""Pixels of the longer side of a mask at most."""


class Quantity(Record):
    """What a number of a specialist means; declared once, on its card."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    meaning: str
    """One sentence: what it measures."""
    unit: str
    """The unit ("dB", "score", "count", "1" for a ratio)."""
    low: float | None
    """The least possible value, or null where there is none."""
    high: float | None
    """The greatest possible value, or null where there is none."""
    better: Better

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"{self.name}: low {self.low} is not below high {self.high}")
        return self

    def describe(self) -> str:
        """Range, unit and direction in words, as the judge and a person read them."""
        low = "no lower bound" if self.low is None else f"{self.low:g}"
        high = "no upper bound" if self.high is None else f"{self.high:g}"
        unit = "" if self.unit in ("1", "score") else f" {self.unit}"
        bounds = "unbounded" if self.low is None and self.high is None else f"{low} to {high}{unit}"
        return bounds + {"higher": ", higher is better", "lower": ", lower is better", "neither": ""}[self.better]


class Reading(Record):
    """One number. Unit, range and direction are those of the quantity on the card."""

    quantity: str
    value: float
    sigma: float | None = None
    """One standard deviation of the value, same unit; null means unknown, not zero."""

    def text(self) -> str:
        """The value as it is shown to the judge and may be quoted."""
        return show(self.value)


class Region(Record):
    """A part of the image: `box` is (left, top, right, bottom) as fractions of width and height, 0 to 1."""

    label: str
    box: tuple[float, float, float, float]
    score: float | None = None
    """How sure the specialist is, 0 to 1, higher is surer."""

    @model_validator(mode="after")
    def _inside(self) -> Self:
        left, top, right, bottom = self.box
        if not (0 <= left <= right <= 1 and 0 <= top <= bottom <= 1):
            raise ValueError(f"a box is (left, top, right, bottom) within 0 to 1, got {self.box}")
        return self


class Mask(Record):
    """Where in the image something was found: `png` is a greyscale PNG of the image's shape, 0 nowhere to 255 surely.

    It is small (at most 256 pixels a side) and stretched over the image when it is shown.
    """

    label: str
    png: str
    """Base64."""

    @staticmethod
    def of(label: str, strength: "NDArray[Any]") -> "Mask":
        """From an array of shape (height, width), 0 to 1, of any size; larger ones are averaged down."""
        import numpy as np
        from PIL import Image

        image = Image.fromarray((np.clip(strength, 0, 1) * 255).round().astype(np.uint8))
        image.thumbnail((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX)
        buffer = BytesIO()
        image.save(buffer, "PNG", optimize=True)
        return Mask(label=label, png=b64encode(buffer.getvalue()).decode())

    def array(self) -> "NDArray[np.uint8]":
        """The mask as (height, width) uint8."""
        import numpy as np
        from PIL import Image

        return np.asarray(Image.open(BytesIO(b64decode(self.png))))


class Measured(Record):
    """The specialist looked and answered."""

    kind: Literal["measured"] = "measured"
    readings: tuple[Reading, ...] = ()
    regions: tuple[Region, ...] = ()
    mask: Mask | None = None
    text: str = ""
    """What it says in words; data, never instructions."""


class Declined(Record):
    """The specialist looked and has no answer for this input ("no face found")."""

    kind: Literal["declined"] = "declined"
    reason: str


class Failed(Record):
    """The specialist could not run. Told to the judge and to the log; never a number."""

    kind: Literal["failed"] = "failed"
    error: str


Outcome: TypeAlias = Annotated[Measured | Declined | Failed, Field(discriminator="kind")]


class Provenance(Record):
    """Where an outcome comes from."""

    card: str
    """The sha256 of the specialist's card, which names its weights and their sha256."""
    settings: str
    """The sha256 of the specialist's settings."""
    device: str
    seconds: float
    """Time of the batch divided by its views; 0 when it came from the cache."""
    cached: bool = False


class Assessment(Record):
    """What one specialist said of one candidate of a request."""

    specialist: str
    candidate: str
    """"a" for the first candidate, "b" for the second, …"""
    look_for: str = ""
    """What the agent asked it to look for, in place of the request's prompt; "" when nothing was."""
    outcome: Outcome
    provenance: Provenance

    def reference(self, quantity: str = "") -> str:
        """How a citation names it: `specialist.quantity@candidate`, and what it was asked to look for."""
        named = f"{self.specialist}.{quantity}" if quantity else self.specialist
        return f"{named}@{self.candidate}" + (f" ({self.look_for})" if self.look_for else "")

    def value(self, quantity: str) -> float | None:
        """The reading of `quantity`, or None when there is none."""
        if not isinstance(self.outcome, Measured):
            return None
        return next((reading.value for reading in self.outcome.readings if reading.quantity == quantity), None)

    @property
    def absence(self) -> str:
        """Why it measured nothing, in words; "" when it measured."""
        if isinstance(self.outcome, Declined):
            return f"declined: {self.outcome.reason}"
        return f"failed: {self.outcome.error}" if isinstance(self.outcome, Failed) else ""


def show(value: float) -> str:
    """Four significant digits without an exponent for usual sizes; the judge reads and quotes this."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return f"{value:.3e}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
