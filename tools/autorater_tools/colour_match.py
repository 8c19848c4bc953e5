"""Colour match: whether the colours that the prompt names are in the picture."""

import re
from collections.abc import Sequence

import numpy as np

from autorater.assessment import Declined, Outcome
from autorater.toolbox import View
from autorater_tools._pixels import Pixels, measured, one_by_one, pixels_at_most
from autorater_tools._prompts import need_prompt
from autorater_tools._untyped import to_lab

NO_PROMPT = "a prompt is needed: this specialist looks for the colours that the prompt names"
LONGER_SIDE = 256
PRESENT = 0.02
"""A colour is there when it covers at least this share of the picture."""

TERMS: dict[str, tuple[str, ...]] = {
    "black": ("#000000", "#1c1c1c"),
    "white": ("#ffffff", "#ececec"),
    "grey": ("#606060", "#8c8c8c", "#b8b8b8"),
    "red": ("#ff0000", "#b01020", "#7a1018", "#e04038"),
    "orange": ("#ff8000", "#e87020", "#f0a040"),
    "yellow": ("#ffff00", "#e8c830", "#f8e880"),
    "green": ("#00c000", "#2e7d32", "#74a83c", "#1e4620", "#90d890"),
    "blue": ("#0000ff", "#1e3cc8", "#000080", "#3c5ae6", "#1e60c8", "#203060", "#78b4e8", "#add8e6", "#30b0d0"),
    "purple": ("#800080", "#6a3ab0", "#b070d8", "#48205c"),
    "pink": ("#ff69b4", "#ffb6c1", "#e02890"),
    "brown": ("#8b4513", "#5c3a1e", "#a67c52", "#d2b48c"),
}
"""The eleven basic colour terms of Berlin and Kay (1969), each with typical colours chosen by hand."""

SYNONYMS = {
    **{"gray": "grey", "silver": "grey", "violet": "purple", "magenta": "pink", "crimson": "red", "scarlet": "red"},
    **{"gold": "yellow", "golden": "yellow", "navy": "blue", "cyan": "blue", "turquoise": "blue", "teal": "blue"},
    **{"beige": "brown", "tan": "brown", "emerald": "green", "lavender": "purple", "maroon": "red"},
}


class ColourMatch:
    """The share of the pixels nearest in CIELAB to each of the colours that the prompt names."""

    def __init__(self, *, device: str = "cpu") -> None:
        pass

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return one_by_one(views, measure)


def measure(view: View) -> Outcome:
    """The shares for one picture; declined when the prompt names no colour."""
    wanted = named(need_prompt(view, NO_PROMPT))
    if not wanted:
        return Declined(reason="the prompt names no colour")
    found = shares(pixels_at_most(view.image, LONGER_SIDE))
    values = [found[colour] for colour in wanted]
    text = "Share of the picture: " + ", ".join(f"{colour} {found[colour]:.0%}" for colour in wanted) + "."
    present = sum(value >= PRESENT for value in values) / len(values)
    return measured({"colours_present": present, "least_share": min(values)}, text=text)


def named(prompt: str) -> list[str]:
    """The basic colours that the prompt names, in order, once each."""
    words = re.findall(r"[a-z]+", prompt.lower())
    colours = [SYNONYMS.get(word, word) for word in words]
    return [colour for colour in dict.fromkeys(colours) if colour in TERMS]


def shares(pixels: Pixels) -> dict[str, float]:
    """For each basic colour, the share of the pixels that it is nearest to; they sum to 1."""
    labels, typical = zip(*[(term, colour) for term, colours in TERMS.items() for colour in colours], strict=True)
    anchors = to_lab(np.array([[_channels(colour) for colour in typical]], dtype=np.uint8))[0]
    points = to_lab(pixels).reshape(-1, 3)
    squared = (points**2).sum(1)[:, None] - 2 * points @ anchors.T + (anchors**2).sum(1)
    counts = np.bincount(squared.argmin(1), minlength=len(labels)) / len(points)
    return {term: float(counts[[label == term for label in labels]].sum()) for term in TERMS}


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
