"""Hard negatives: the chosen image of a prompt against an image that was made for a similar prompt and looks alike."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from autorater.errors import MissingExtraError
from autorater.image import open_picture
from autorater_evals.heads.examples import Example, Look

NEAREST = 8
"""Prompts that are looked at for each, by the cosine of their TF-IDF vectors."""


def mine(examples: Sequence[Example], *, share: float, seed: int) -> list[Example]:
    """New examples so that they are `share` of all (0 to less than 1), as far as there are similar prompts.

    The prompt stays that of the chosen (or good) image. Of the images that were made for the eight most similar other
    prompts (TF-IDF of words, cosine above 0), the one whose perceptual hash (DCT, 64 bits) differs in the fewest bits
    is rejected; the same image is never both. Only for perspectives that ask for the match with the prompt: a fine
    picture of another prompt is no worse a picture.

    Raises:
        MissingExtraError: imagehash is not installed.

    """
    wanted = round(len(examples) * share / (1 - share))
    good = [example for example in examples if example.target > 0]
    if not wanted or not good:
        return []
    images: dict[str, list[Look]] = {}
    for look in dict.fromkeys(look for example in examples for look in example.looks):
        images.setdefault(look.prompt, []).append(look)
    similar = similar_prompts(list(images))
    hashes = _Hashes()
    found: list[Example] = []
    order: list[int] = np.random.default_rng(seed).permutation(len(good)).tolist()
    for place in order:
        if len(found) == wanted:
            break
        example, chosen = good[place], good[place].looks[0]
        others = [look for prompt in similar[chosen.prompt] for look in images[prompt] if look.image != chosen.image]
        if others:
            nearest = min(others, key=lambda look: (hashes.distance(look, chosen), str(look.image)))
            wrong = Look(nearest.image, chosen.prompt)
            looks, target = ((chosen, wrong), 1.0) if example.kind == "pair" else ((wrong,), 0.0)
            found.append(Example(f"{example.id}/hard", example.cluster, looks, example.kind, target))
    return found


def similar_prompts(prompts: Sequence[str]) -> dict[str, list[str]]:
    """Prompt → the other prompts that share words with it, the most similar first, at most eight."""
    text: Any = import_module("sklearn.feature_extraction.text")
    neighbours: Any = import_module("sklearn.neighbors")
    texts = sorted(set(prompts))
    try:
        table = text.TfidfVectorizer(token_pattern=r"\w+").fit_transform(texts)
    except ValueError:  # no prompt has a word
        return {one: [] for one in texts}
    fitted = neighbours.NearestNeighbors(n_neighbors=min(NEAREST + 1, len(texts)), metric="cosine").fit(table)
    distances, places = fitted.kneighbors(table)
    return {
        one: [texts[place] for place, far in zip(row, gaps, strict=True) if texts[place] != one and far < 1 - 1e-9]
        for one, row, gaps in zip(texts, places, distances, strict=True)
    }


class _Hashes:
    """Perceptual hashes of images, each computed once."""

    def __init__(self) -> None:
        try:
            self.library: Any = import_module("imagehash")
        except ModuleNotFoundError as error:
            raise MissingExtraError("--hard-negatives (missing: imagehash)", extra="training") from error
        self.known: dict[Look, Any] = {}

    def distance(self, one: Look, other: Look) -> int:
        """In how many of 64 bits the two images differ."""
        return int(self.of(one) - self.of(other))

    def of(self, look: Look) -> Any:
        """The hash of an image."""
        if look not in self.known:
            self.known[look] = self.library.phash(open_picture(look.image, name=look.image.name).rgb())
        return self.known[look]
