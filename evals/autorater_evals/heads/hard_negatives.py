"""Hard negatives, as paper 002 makes them (section 4.3): a chosen image under a similar prompt, and an alike image."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from autorater.errors import MissingExtraError
from autorater.image import open_picture
from autorater_evals.distillation.prompts import prompt_digest
from autorater_evals.heads.examples import Example, Look

NEAREST = 8
"""Prompts that are looked at for each, by the cosine of their TF-IDF vectors."""


def mine(examples: Sequence[Example], *, share: float, seed: int) -> list[Example]:
    """New examples so that they are `share` of all (0 to less than 1), as far as there are any: two for a chosen image.

    With t the prompt of a chosen (or good) image i: i under the most similar other prompt is rejected against i under
    t, and the most alike image of another prompt, under t, is rejected against i. Prompts are compared by the cosine of
    their words' TF-IDF (above 0), images by a perceptual hash (DCT, 64 bits); the paper names no measures. What has the
    same bytes is one image: one that was made for t, or for the similar prompt, is no negative of it. Only for
    perspectives that ask for the match with the prompt: a fine picture of another prompt is no worse a picture.

    Raises:
        MissingExtraError: imagehash is not installed.

    """
    wanted = round(len(examples) * share / (1 - share))
    good = [example for example in examples if example.target > 0]
    if not wanted or not good:
        return []
    shown = _Shown(look for example in examples for look in example.looks)
    found: list[Example] = []
    order: list[int] = np.random.default_rng(seed).permutation(2 * len(good)).tolist()
    for place in order:
        if len(found) == wanted:
            break
        example = good[place // 2]
        chosen = example.looks[0]
        wrong = shown.similar_prompt(chosen) if place % 2 else shown.alike_image(chosen)
        if wrong is not None:
            kind = "prompt" if place % 2 else "image"
            looks, target = ((chosen, wrong), 1.0) if example.kind == "pair" else ((wrong,), 0.0)
            found.append(Example(f"{example.id}/hard {kind}", example.cluster, looks, example.kind, target))
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


class _Shown:
    """All images with the prompts that they were made for; an image is its bytes."""

    def __init__(self, looks: Iterable[Look]) -> None:
        try:
            library: Any = import_module("imagehash")
        except ModuleNotFoundError as error:
            raise MissingExtraError("--hard-negatives (missing: imagehash)", extra="training") from error
        self.looks = list(dict.fromkeys(looks))
        self.sha256: dict[Look, str] = {}
        self.made_for: dict[str, set[str]] = defaultdict(set)
        """Digest of a prompt → sha256 of the images that were made for it."""
        bits: dict[str, int] = {}
        for look in self.looks:
            picture = open_picture(look.image, name=look.image.name)
            if picture.sha256 not in bits:
                bits[picture.sha256] = int(str(library.phash(picture.rgb())), 16)
            self.sha256[look] = picture.sha256
            self.made_for[prompt_digest(look.prompt)].add(picture.sha256)
        self.images = sorted(bits)
        self.bits = np.array([bits[one] for one in self.images], dtype=np.uint64)
        self.places = {one: place for place, one in enumerate(self.images)}
        self.files = {self.sha256[look]: look.image for look in reversed(self.looks)}
        self.similar = similar_prompts([look.prompt for look in self.looks])

    def similar_prompt(self, chosen: Look) -> Look | None:
        """The image under the most similar prompt that it was not made for."""
        own = prompt_digest(chosen.prompt)
        for prompt in self.similar[chosen.prompt]:
            other = prompt_digest(prompt)
            if other != own and self.sha256[chosen] not in self.made_for[other]:
                return Look(chosen.image, prompt)
        return None

    def alike_image(self, chosen: Look) -> Look | None:
        """The image whose hash differs in the fewest bits, of those that were made for other prompts alone."""
        own = self.made_for[prompt_digest(chosen.prompt)]
        distances = np.bitwise_count(self.bits ^ self.bits[self.places[self.sha256[chosen]]])
        for place in np.argsort(distances, kind="stable").tolist():
            if self.images[place] not in own:
                return Look(self.files[self.images[place]], chosen.prompt)
        return None
