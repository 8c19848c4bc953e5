"""Train a head on planted labels, and ask it."""

from pathlib import Path

import numpy as np
from PIL import Image

from autorater.assessment import Measured, Outcome
from autorater.image import Picture, open_picture
from autorater_evals.figure import Figure
from autorater_evals.heads.running import train_heads
from autorater_evals.heads.settings import HeadResult, Settings


def grey(level: int) -> Picture:
    return open_picture(Image.fromarray(np.full((16, 16, 3), level, dtype=np.uint8)))


def number(outcome: Outcome) -> float:
    assert isinstance(outcome, Measured), outcome
    return outcome.readings[0].value


def value(figures: tuple[Figure, ...]) -> float:
    assert figures[0].value is not None
    return figures[0].value


def train(folder: Path, data: Path, base: Path, **given: object) -> HeadResult:
    settings = Settings.model_validate({"epochs": 8, "rate": 0.01, "held_out": 0.3, **given})
    return train_heads(str(data), base=str(base), settings=settings, out=folder / "head")
