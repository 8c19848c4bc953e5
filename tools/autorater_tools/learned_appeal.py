"""Learned appeal: what people would say of a generated picture, by linear heads on a frozen network."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autorater.assessment import Measured, Outcome, Reading
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._efficientnet import load_network
from autorater_tools._pixels import at_most, small_or_blank
from autorater_tools._weights import own_card, weights_path

LONGER_SIDE = 768
QUALITY = 85
"""Of the JPEG that every picture goes through once, as the pictures did that the heads were fitted on."""
CROP = 0.75
"""Sides of the four corner crops, as a share of the picture's."""
SHORTER_SIDE = 43
"""A crop of 75 % still has the 32 pixels that the network needs."""

DIMENSIONS = {"appeal": "mean", "realism": "mean", "prompt_matching": "whole", "quality": "mean"}
"""Whether a head reads the mean over the five views or the whole picture."""


class LearnedAppeal:
    """Ridge regressions on the 1568 block statistics of EfficientNet-lite0, fitted to ratings of generated pictures."""

    def __init__(self, *, device: str = "cpu") -> None:
        card = own_card("learned_appeal")
        self.network = load_network(weights_path(card, "efficientnet-lite0-57934424.pth"), device=device)
        with np.load(weights_path(card, "learned_appeal.npz")) as stored:
            self.heads = {name: (stored[f"{name}_weights"], float(stored[f"{name}_intercept"])) for name in DIMENSIONS}

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """The four predicted ratings of one picture."""
        if refusal := small_or_blank(np.asarray(at_most(view.image.rgb(), LONGER_SIDE)), shorter=SHORTER_SIDE):
            return refusal
        whole, mean = view.image.remember(("learned-appeal", self.network.device), lambda: self.look(view.image))
        values = {
            name: float((whole if DIMENSIONS[name] == "whole" else mean) @ weights + intercept)
            for name, (weights, intercept) in self.heads.items()
        }
        return Measured(readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()))

    def look(self, picture: Picture) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The statistics of the whole picture, and their mean over it and its four corner crops; both (1568,)."""
        image = canonical(picture)
        found = np.stack([self.network.look_at(view).statistics for view in (image, *corners(image))])
        return found[0], found.mean(0)


def canonical(picture: Picture) -> Image.Image:
    """The picture at most 768 pixels a side and once through JPEG, so that its file's format moves no score."""
    buffer = io.BytesIO()
    at_most(picture.rgb(), LONGER_SIDE).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return Image.open(buffer).convert("RGB")


def corners(image: Image.Image) -> list[Image.Image]:
    """The four corner crops: upper left, upper right, lower left, lower right."""
    width, height = int(image.width * CROP), int(image.height * CROP)
    right, low = image.width - width, image.height - height
    places = ((0, 0), (right, 0), (0, low), (right, low))
    return [image.crop((left, top, left + width, top + height)) for left, top in places]
