"""Record the evaluation of the embedded judge that `tests/test_cassettes.py` replays.

    python cassettes/record_embedded.py

Real specialists look at three photographs that scikit-image ships (NASA's portrait of Eileen Collins, public domain;
"coffee" by Rachel Michetti and "chelsea" by Stefan van der Walt, CC0), shrunk to 256 pixels, and at copies worsened on
the spot. The expected side is right by construction: the copy was made worse. `expected.json` says what it should be.
"""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageFilter

from autorater import AutoRater, Request, make_request
from autorater.demo import jpeg, noisy, photographs

FOLDER = Path(__file__).parent / "embedded"
PROMPTS = {
    "astronaut": "a portrait of a smiling astronaut in an orange space suit",
    "coffee": "a cup of coffee with a spoon on a wooden table",
    "cat": "a close photograph of a tabby cat",
}
WORSE: dict[str, Callable[[Image.Image], Image.Image]] = {
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "compressed": lambda image: jpeg(image, 8),
    "noisy": lambda image: noisy(image, 30),
}


def stored(image: Image.Image) -> bytes:
    """The image as a small JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88, subsampling=0)
    return buffer.getvalue()


def requests() -> tuple[list[Request], dict[str, str]]:
    """Nine pairs and three ratings, and the expected side of each pair."""
    found, expected = list[Request](), dict[str, str]()
    for place, (name, image) in enumerate(photographs().items()):
        image.thumbnail((256, 256))
        found.append(make_request([stored(image)], prompt=PROMPTS[name], task="rate", id=f"{name} rated"))
        for turn, (word, worsen) in enumerate(WORSE.items()):
            pair = [stored(image), stored(worsen(image))]
            first = (place + turn) % 2 == 0
            request = make_request(
                pair if first else pair[::-1], prompt=PROMPTS[name], task="compare", id=f"{name} {word}"
            )
            found.append(request)
            expected[request.id] = "a" if first else "b"
    return found, expected


def main() -> None:
    """Record anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    found, expected = requests()
    with AutoRater("embedded", log=FOLDER, cache=False) as judge:
        judgments = list(judge.judge_many(found, concurrency=4))
    (FOLDER / "writer.lock").unlink(missing_ok=True)
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    right = sum(item.preferred == expected[item.id] for item in judgments if item.id in expected)
    print(f"recorded {len(judgments)} judgments; {right} of {len(expected)} pairs as expected")


if __name__ == "__main__":
    main()
