"""`autorater demo`: real specialists on real photographs, with worsened copies and edits made on the spot.

The photographs are those that scikit-image ships: NASA's portrait of Eileen Collins (public domain), "coffee" (CC0, by
Rachel Michetti) and "chelsea" the cat (CC0, by Stefan van der Walt).
"""

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from autorater.autorater import AutoRater
from autorater.errors import MissingExtraError
from autorater.image import Picture
from autorater.judgment import Judgment
from autorater.replay import replay
from autorater.request import Request, make_request
from autorater.screen import headline, show_judgment


def photographs() -> dict[str, Image.Image]:
    """The photographs, at most 512 pixels a side. Raises MissingExtraError without scikit-image."""
    try:
        from skimage import data
    except ModuleNotFoundError as error:
        raise MissingExtraError("the demo", extra="embedded") from error
    loaders: dict[str, Callable[[], Any]] = {"astronaut": data.astronaut, "coffee": data.coffee, "cat": data.chelsea}
    pictures = {name: Image.fromarray(np.asarray(load())).convert("RGB") for name, load in loaders.items()}
    for picture in pictures.values():
        picture.thumbnail((512, 512))
    return pictures


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """The image as JPEG of this quality shows it."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    """The image with Gaussian noise of this standard deviation (of 255), the same at every run."""
    noise = np.random.default_rng(0).normal(0, sigma, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def smeared_face(image: Image.Image) -> Image.Image:
    """The astronaut with her face blurred away."""
    edited = image.copy()
    box = (170, 60, 290, 200)
    edited.paste(image.crop(box).filter(ImageFilter.GaussianBlur(14)), box)
    return edited


def warmer(image: Image.Image) -> Image.Image:
    """The image in warmer light."""
    scaled = np.asarray(image) * np.array([1.12, 1.02, 0.86])
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def requests() -> Iterator[Request]:
    """The demo's six requests."""
    found = photographs()
    astronaut, coffee, cat = found["astronaut"], found["coffee"], found["cat"]
    portrait = "a portrait of a smiling astronaut in an orange space suit"

    def pair(id: str, prompt: str, a: Image.Image, b: Image.Image, source: Image.Image | None = None) -> Request:
        return make_request([a, b], prompt=prompt, source=source, task="compare", id=id)

    yield pair("blurred", portrait, astronaut, astronaut.filter(ImageFilter.GaussianBlur(3)))
    yield pair("compressed", "a cup of coffee with a spoon on a wooden table", jpeg(coffee, 6), coffee)
    yield pair("noisy", "a close photograph of a tabby cat", cat, noisy(cat, 40))
    yield pair("wrong subject", "a cup of coffee on a table", coffee, cat)
    yield pair("edit", "make the light warmer", warmer(astronaut), smeared_face(warmer(astronaut)), astronaut)
    yield make_request([coffee], prompt="a cup of coffee with a spoon on a wooden table", task="rate", id="rating")


EXPECTED = {"blurred": "a", "compressed": "b", "noisy": "a", "wrong subject": "a", "edit": "a"}
"""What a person would say; the demo prints how many of these the judge got."""


def run_demo(out: Path, *, log: Path | None, as_json: bool) -> None:
    """Judge, print, write the report, then replay the recorded run and compare."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = log or Path(scratch) / "run"
        judged: list[Judgment] = []
        pictures: dict[str, Picture] = {}
        first = 0.0
        with AutoRater("embedded", log=folder) as judge:
            for request in requests():
                judgment = judge_one(judge, request)
                judged.append(judgment)
                pictures |= judge.pictures(request)
                first = first or time.perf_counter() - start
                if not as_json:
                    show_judgment(judgment, judge.toolbox.cards)
            cards = judge.toolbox.cards
        from autorater.report import write_report

        write_report(out, judged, pictures, cards, title="AutoRater demo")
        replays = time.perf_counter()
        same = all(item.identical for item in replay(folder))
        replayed = time.perf_counter() - replays
    right = sum(item.preferred == EXPECTED[item.id] for item in judged if item.id in EXPECTED)
    facts: dict[str, Any] = {
        "as_people_would": right,
        "of": len(EXPECTED),
        "first_judgment_seconds": round(first, 2),
        "seconds": round(time.perf_counter() - start, 2),
        "replay_identical": same,
        "replay_seconds": round(replayed, 3),
        "report": out.name,
    }
    if as_json:
        results = [{"id": item.id, "result": headline(item), "preferred": item.preferred} for item in judged]
        sys.stdout.write(json.dumps({**facts, "judgments": results}, indent=2) + "\n")
        return
    print(f"\n{right} of {len(EXPECTED)} pairs judged as a person would; no VLM looked, no key, no network.")
    print(f"first judgment after {facts['first_judgment_seconds']} s, all after {facts['seconds']} s")
    print(
        f"replayed from the run log in {facts['replay_seconds']} s: {'identical to the byte' if same else 'DIFFERENT'}"
    )
    print(f"report: {out}  (open it in a browser)")


def judge_one(judge: AutoRater, request: Request) -> Judgment:
    """One judgment, from code that is not async."""
    from autorater.sync import run_sync

    return run_sync(judge.ajudge(request))
