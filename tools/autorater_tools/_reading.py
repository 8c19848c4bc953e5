"""Reading text in pictures: one reader in a process, each picture read once, shared by the specialists of text."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from rapidocr_onnxruntime import RapidOCR  # pyright: ignore[reportMissingTypeStubs]

from autorater.assessment import Region
from autorater.card import Card
from autorater.image import Picture
from autorater_tools._pixels import pixels_at_most
from autorater_tools._weights import weights_path

LONGER_SIDE = 1280
ALONE = 0.9
"""A single character is kept at this confidence and above: round things are read as O, upright ones as I."""
ELONGATED = 4
"""Pictures that are longer than this many times their shorter side get a white margin: the reader scales by the shorter
side, and a ribbon would grow to a hundred million pixels."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text: what it says, how sure the reader is (0.5 to 1), and its box as fractions of the picture."""

    text: str
    confidence: float
    box: tuple[float, float, float, float]

    def region(self) -> Region:
        """The line as a region, labelled with its text."""
        return Region(label=self.text, box=self.box, score=self.confidence)


class Reader:
    """PP-OCRv4 (PaddlePaddle, 2023) as ONNX of the package `rapidocr-onnxruntime`; Chinese and English."""

    def __init__(self, detect: Path, recognise: Path, turn: Path) -> None:
        paths = {"det_model_path": str(detect), "rec_model_path": str(recognise), "cls_model_path": str(turn)}
        self.engine = cast(Any, RapidOCR)(**paths)

    def read(self, picture: Picture) -> tuple[Line, ...]:
        """The lines from top to bottom, then left to right; empty when there are none."""
        return picture.remember("pp-ocr-v4", lambda: self._read(picture))

    def _read(self, picture: Picture) -> tuple[Line, ...]:
        pixels = pixels_at_most(picture, LONGER_SIDE)
        height, width = pixels.shape[:2]
        margins = ((0, max(0, -(-width // ELONGATED) - height)), (0, max(0, -(-height // ELONGATED) - width)), (0, 0))
        padded = np.pad(pixels[:, :, ::-1], margins, constant_values=255)  # the reader expects blue-green-red
        found, _ = self.engine(padded)
        lines: list[Line] = []
        for corners, text, confidence in found or ():
            points = np.clip(np.array(corners) / (width, height), 0, 1)
            (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
            if sum(map(str.isalnum, text)) > 1 or float(confidence) >= ALONE:
                lines.append(Line(str(text), min(1.0, float(confidence)), (left, top, right, bottom)))
        return tuple(lines)


def load_reader(card: Card) -> Reader:
    """The reader with the three weights files of `card`, loaded once in a process."""
    return _load(*(weights_path(card, name) for name in ("_det_infer.onnx", "_rec_infer.onnx", "_cls_infer.onnx")))


@lru_cache
def _load(detect: Path, recognise: Path, turn: Path) -> Reader:
    return Reader(detect, recognise, turn)
