"""Photo quality: the technical quality of a photograph as people rate it, by a linear head on a frozen network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autorater.assessment import Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._efficientnet import LONGER_SIDE, load_network
from autorater_tools._pixels import pixels_at_most, small_or_blank
from autorater_tools._weights import own_card, weights_path

SHORTER_SIDE = 32


class PhotoQuality:
    """Ridge regression on the 1568 block statistics of EfficientNet-lite0, fitted to the ratings of BIQ2021."""

    def __init__(self, *, device: str = "cpu") -> None:
        card = own_card("photo_quality")
        self.network = load_network(weights_path(card, "efficientnet-lite0-57934424.pth"), device=device)
        with np.load(weights_path(card, "photo_quality.npz")) as stored:
            self.weights: NDArray[np.float32] = stored["weights"]
            self.intercept = float(stored["intercept"])

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """The predicted mean opinion for one picture, cut to 0 to 1."""
        if refusal := small_or_blank(pixels_at_most(view.image, LONGER_SIDE), shorter=SHORTER_SIDE):
            return refusal
        value = float(self.network.look(view.image).statistics @ self.weights + self.intercept)
        return Measured(readings=(Reading(quantity="quality", value=min(1.0, max(0.0, value))),))
