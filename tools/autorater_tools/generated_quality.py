"""Generated quality: what people would say of a generated picture, by linear heads on a frozen network."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autorater.assessment import Outcome
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._efficientnet import load_network
from autorater_tools._pixels import at_most, measured, one_by_one, small_or_blank
from autorater_tools._weights import own_card, weights_path

LONGER_SIDE = 768
JPEG_QUALITY = 85
"""Of the one JPEG that every picture goes through in memory, as those did that the heads were fitted on."""
CROP = 0.75
"""Sides of the four corner crops, as a share of the picture's."""
SHORTER_SIDE = 43
"""A crop of 75 % still has the 32 pixels that the network needs."""
BAD, EXCELLENT = 1.0, 5.0
"""The ends of the raters' scale."""

HEADS = {"appeal": True, "realism": True, "quality": True, "subject": False}
"""Whether a head reads the mean over the five views, or the whole picture alone: a crop loses the composition."""


class GeneratedQuality:
    """Ridge regressions on the 1568 block statistics of EfficientNet-lite0, fitted to ratings of generated pictures."""

    def __init__(self, *, device: str = "cpu") -> None:
        card = own_card("generated_quality")
        self.network = load_network(weights_path(card, "efficientnet-lite0-57934424.pth"), device=device)
        with np.load(weights_path(card, "generated_quality.npz")) as stored:
            self.heads = {name: (stored[f"{name}_weights"], float(stored[f"{name}_intercept"])) for name in HEADS}

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, self.measure)

    def measure(self, view: View) -> Outcome:
        """The four predicted ratings of one picture, cut to 1 to 5."""
        if refusal := small_or_blank(np.asarray(at_most(view.image.rgb(), LONGER_SIDE)), shorter=SHORTER_SIDE):
            return refusal
        return measured(self.rate(self.look(view.image)))

    def rate(self, views: NDArray[np.float32]) -> dict[str, float]:
        """The ratings that follow from what `look` gives, by quantity."""
        values: dict[str, float] = {}
        for name, (weights, intercept) in self.heads.items():
            statistics = views.mean(0) if HEADS[name] else views[0]
            values[name] = min(EXCELLENT, max(BAD, float(statistics @ weights) + intercept))
        return values

    def look(self, picture: Picture) -> NDArray[np.float32]:
        """Block statistics of the whole picture and of its four corner crops, (5, 1568); once for a picture."""
        return picture.remember(("generated-quality", self.network.device), lambda: self._look(picture))

    def _look(self, picture: Picture) -> NDArray[np.float32]:
        image = canonical(picture)
        return np.stack([self.network.look_at(view).statistics for view in (image, *corners(image))])


def canonical(picture: Picture) -> Image.Image:
    """The picture at most 768 pixels a side and once through JPEG, so that its file's format moves no score."""
    buffer = io.BytesIO()
    at_most(picture.rgb(), LONGER_SIDE).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return Image.open(buffer).convert("RGB")


def corners(image: Image.Image) -> list[Image.Image]:
    """The four corner crops: upper left, upper right, lower left, lower right."""
    width, height = int(image.width * CROP), int(image.height * CROP)
    right, low = image.width - width, image.height - height
    places = ((0, 0), (right, 0), (0, low), (right, low))
    return [image.crop((left, top, left + width, top + height)) for left, top in places]
