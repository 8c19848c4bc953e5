"""Measure how often the specialists are wrong; the figures on the cards come from here.

    python tests/tools/measure_errors.py --data ../shared/data [name …]

The data sets are named in the README of that folder; they are not part of the project. Fonts for the drawn text are
Pillow's own.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from autorater.assessment import Declined, Measured, Outcome
from autorater.card import find_cards
from autorater.image import Picture, open_picture
from autorater.toolbox import View, load_specialist

Rows = list[dict[str, Any]]


def rows(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def look(name: str, views: Iterable[View]) -> list[Outcome]:
    specialist = load_specialist(find_cards()[name])
    return [specialist([view])[0] for view in views]


def value(outcome: Outcome, quantity: str) -> float:
    readings = outcome.readings if isinstance(outcome, Measured) else ()
    return next((reading.value for reading in readings if reading.quantity == quantity), float("nan"))


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's, on the pairs where both are numbers."""
    both = np.array([pair for pair in zip(one, other, strict=True) if np.isfinite(pair).all()])
    ranks = np.array([[np.mean(np.flatnonzero(np.sort(row) == value)) for value in row] for row in both.T])
    one_rank, other_rank = ranks - ranks.mean(1, keepdims=True)
    return float(one_rank @ other_rank / np.sqrt((one_rank @ one_rank) * (other_rank @ other_rank)))


def face_similarity(data: Path) -> str:
    root = data / "face-pairs"
    pairs = rows(root / "pairs.jsonl")
    pictures = {name: open_picture(root / name) for pair in pairs for name in (pair["image_a"], pair["image_b"])}
    views = [View(image=pictures[pair["image_b"]], sources=(pictures[pair["image_a"]],)) for pair in pairs]
    outcomes = look("face_similarity", views)
    found = [value(outcome, "worst_similarity") for outcome in outcomes]
    same = [bool(pair["same_person"]) for pair in pairs]
    right = sum((score >= 0.93) == truth for score, truth in zip(found, same, strict=True))
    unlike = [score for score, truth in zip(found, same, strict=True) if not truth]
    alike = [score for score, truth in zip(found, same, strict=True) if truth]
    return f"{right}/{len(pairs)} right at 0.93; same {np.min(alike):.3f} to {np.max(alike):.3f}, mean " + (
        f"{np.mean(alike):.3f}; different mean {np.mean(unlike):.3f}, max {np.max(unlike):.3f}"
    )


def perceptual_similarity(data: Path) -> str:
    root = data / "material-similarity"
    triplets = [row for row in rows(root / "triplets.jsonl")[:600] if row["votes_a"] != row["votes_b"]]
    names = sorted({row[key] for row in triplets for key in ("reference", "image_a", "image_b")})
    pictures = {name: open_picture(root / name) for name in names}
    pairs = sorted({(row["reference"], row[key]) for row in triplets for key in ("image_a", "image_b")})
    views = [View(image=pictures[image], sources=(pictures[reference],)) for reference, image in pairs]
    outcomes = look("perceptual_similarity", views)
    distance = {pair: value(outcome, "distance") for pair, outcome in zip(pairs, outcomes, strict=True)}
    right = [
        (distance[row["reference"], row["image_a"]] < distance[row["reference"], row["image_b"]])
        == (row["votes_a"] > row["votes_b"])
        for row in triplets
    ]
    clear = [good for good, row in zip(right, triplets, strict=True) if 0 in (row["votes_a"], row["votes_b"])]
    share = f"{np.mean(right):.3f} of {len(right)}, {np.mean(clear):.3f} of {len(clear)} where nobody disagreed"
    return f"agrees with the majority on {share}"


def against_people(name: str, quantities: Sequence[str]) -> Callable[[Path], str]:
    def measure(data: Path) -> str:
        photographs = rows(data / "biq2021-subset/items.jsonl")
        generated = rows(data / "avt-ai-images/items.jsonl")
        pairs = rows(data / "avt-ai-images/pairs.jsonl")
        first = look(name, [View(image=open_picture(data / "biq2021-subset" / row["image"])) for row in photographs])
        second = look(name, [View(image=open_picture(data / "avt-ai-images" / row["image"])) for row in generated])
        report: list[str] = []
        for quantity in quantities:
            scores = [value(outcome, quantity) for outcome in first]
            opinions = [row["human"]["mos"] for row in photographs]
            by_image = {row["image"]: value(o, quantity) for row, o in zip(generated, second, strict=True)}
            low = find_cards()[name].quantity(quantity).better == "lower"
            agreed = [
                (by_image[pair["image_a"]] > by_image[pair["image_b"]])
                == ((pair["diff_a_minus_b"]["quality"] > 0) != low)
                for pair in pairs
                if pair["diff_a_minus_b"]["quality"]
            ]
            report.append(
                f"{quantity}: SROCC {rank_correlation(scores, opinions):.3f} with MOS of {len(scores)} photographs, "
                f"{np.mean(agreed):.3f} of {len(agreed)} pairs of generated images as people rate their quality"
            )
        return "; ".join(report)

    return measure


def safety(data: Path) -> str:
    files = [*(data / "biq2021-subset/images").iterdir(), *(data / "avt-ai-images/images").iterdir()]
    files += [*(data / "face-pairs/images").iterdir(), *(data / "mjbench-artifacts/images").iterdir()]
    found = [value(outcome, "nsfw") for outcome in look("safety", [View(image=open_picture(file)) for file in files])]
    above = [sum(score >= limit for score in found) for limit in (0.05, 0.2, 0.5, 0.8)]
    return f"{len(found)} harmless images: {above} at or above 0.05, 0.2, 0.5, 0.8; greatest {max(found):.3f}"


def generated_quality(data: Path) -> str:
    """On pictures that the heads were not fitted to; the figures on unseen prompts are those of the study itself."""
    pairs = rows(data / "mjbench-artifacts/pairs.jsonl")
    photographs = rows(data / "biq2021-subset/items.jsonl")
    files = [data / "mjbench-artifacts" / pair[f"image_{side}"] for pair in pairs for side in "ab"]
    outcomes = look("generated_quality", [View(image=open_picture(file)) for file in files])
    files = [data / "biq2021-subset" / row["image"] for row in photographs]
    others = look("generated_quality", [View(image=open_picture(file)) for file in files])
    report: list[str] = []
    for name in ("appeal", "realism", "subject", "quality"):
        found = np.array([value(outcome, name) for outcome in outcomes]).reshape(-1, 2)
        right = sum((row[0] > row[1]) == (pair["preferred"] == "a") for row, pair in zip(found, pairs, strict=True))
        opinions = [row["human"]["mos"] for row in photographs]
        correlation = rank_correlation([value(outcome, name) for outcome in others], opinions)
        report.append(f"{name}: original before its damaged copy in {right} of {len(pairs)}, SROCC {correlation:.3f}")
    return "; ".join(report) + " with MOS of photographs"


def content_labels(data: Path) -> str:
    generated = rows(data / "avt-ai-images/items.jsonl")
    pictures = [open_picture(data / "avt-ai-images" / row["image"]) for row in generated]
    specialist = load_specialist(find_cards()["content_labels"])
    prompts = sorted({row["prompt"] for row in generated})
    own = [prompts.index(row["prompt"]) for row in generated]
    outcomes = [specialist([View(image=picture, prompt=prompt) for prompt in prompts]) for picture in pictures]
    report: list[str] = []
    for quantity in ("prompt_match", "concept_match"):
        found = np.array([[value(outcome, quantity) for outcome in row] for row in outcomes])
        right = float(np.mean([row.argmax() == index for row, index in zip(found, own, strict=True)]))
        score = {row["image"]: float(found[index, own[index]]) for index, row in enumerate(generated)}
        agreed = [
            (score[pair["image_a"]] > score[pair["image_b"]]) == (pair["diff_a_minus_b"]["prompt_matching"] > 0)
            for pair in rows(data / "avt-ai-images/pairs.jsonl")
            if abs(pair["diff_a_minus_b"]["prompt_matching"]) >= 0.5
        ]
        report.append(
            f"{quantity}: the own prompt scores best of {len(prompts)} for {right:.2f} of {len(own)} images; agrees "
            f"with people on {np.mean(agreed):.2f} of {len(agreed)} pairs whose prompt matching differs by 0.5 or more"
        )
    return "; ".join(report)


def colour_match(data: Path) -> str:
    generated = rows(data / "avt-ai-images/items.jsonl")
    pictures = [open_picture(data / "avt-ai-images" / row["image"]) for row in generated]
    prompts = sorted({row["prompt"] for row in generated})
    own: list[float] = []
    others: list[float] = []
    for prompt, (row, picture) in product(prompts, zip(generated, pictures, strict=True)):
        outcome = look("colour_match", [View(image=picture, prompt=prompt)])[0]
        if not isinstance(outcome, Declined):
            (own if row["prompt"] == prompt else others).append(value(outcome, "least_share"))
    wins = np.mean([(one > other) + (one == other) / 2 for one, other in product(own, others)])
    return f"AUC {wins:.3f}, {len(own)} images of prompts that name a colour against {len(others)} of other prompts"


WORDS = (
    "open",
    "coffee",
    "market",
    "street",
    "winter",
    "happy",
    "birthday",
    "welcome",
    "home",
    "future",
    "music",
    "light",
)


def drawn(text: str, *, size: int, seed: int) -> Picture:
    """The text in a random place on a random gradient, turned by up to 8 degrees, blurred, JPEG 60; 512x512."""
    generator = np.random.default_rng(seed)
    ends = generator.integers(0, 256, (2, 3))
    ramp = np.linspace(0, 1, 512)[:, None, None]
    image = Image.fromarray(np.broadcast_to(ends[0] * ramp + ends[1] * (1 - ramp), (512, 512, 3)).astype(np.uint8))
    font = ImageFont.load_default(size)
    left, top = (int(generator.integers(60, max(61, 450 - int(extent)))) for extent in (font.getlength(text), size))
    bright = float(np.asarray(image).mean()) > 128
    ImageDraw.Draw(image).text((left, top), text, font=font, fill=(60, 60, 70) if bright else (200, 200, 190))
    buffer = BytesIO()
    turned = image.rotate(float(generator.uniform(-8, 8)), Image.Resampling.BICUBIC)
    turned.filter(ImageFilter.GaussianBlur(0.5)).save(buffer, "JPEG", quality=60)
    return open_picture(buffer.getvalue())


def text_rendering(data: Path) -> str:
    report: list[str] = []
    for size in (8, 10, 14, 24, 40):
        random.seed(size)
        texts = [" ".join(random.sample(WORDS, 2)) for _ in range(50)]
        views = [
            View(image=drawn(text, size=size, seed=seed), prompt=f'a sign that says "{text}"')
            for seed, text in enumerate(texts)
        ]
        found = [value(outcome, "character_accuracy") for outcome in look("text_rendering", views)]
        perfect = sum(score == 1 for score in found)
        report.append(f"{size} px: mean {np.mean(found):.3f}, {perfect}/50 perfect")
    wrong = [View(image=view.image, prompt='a sign that says "zebra planet"') for view in views]
    found = [value(outcome, "character_accuracy") for outcome in look("text_rendering", wrong)]
    return "; ".join(report) + f"; another text: mean {np.mean(found):.3f}, greatest {np.max(found):.3f}"


def text_found(data: Path) -> str:
    report: list[str] = []
    for folder in ("biq2021-subset", "avt-ai-images"):
        files = sorted((data / folder / "images").iterdir())
        found = look("text_found", [View(image=open_picture(file)) for file in files])
        some = [outcome.text for outcome in found if value(outcome, "lines") > 0 and isinstance(outcome, Measured)]
        report.append(f"{folder}: text in {len(some)} of {len(files)}: {some}")
    return "\n  ".join(report)


def pixel_change(data: Path) -> str:
    root = data / "iqa-calibration/images"
    numbers = ("03", "04", "06", "08", "19")
    pairs = [(open_picture(root / f"ref_I{n}.png"), open_picture(root / f"dist_I{n}.png")) for n in numbers]
    outcomes = look("pixel_change", [View(image=after, sources=(before,)) for before, after in pairs])
    names = ("ssim", "psnr", "changed_share")
    return "; ".join(f"{name} {[round(value(outcome, name), 4) for outcome in outcomes]}" for name in names)


MEASURES: dict[str, Callable[[Path], str]] = {
    "face_similarity": face_similarity,
    "perceptual_similarity": perceptual_similarity,
    "niqe": against_people("niqe", ["niqe"]),
    "brisque": against_people("brisque", ["brisque"]),
    "sharpness": against_people("sharpness", ["detail", "blur"]),
    "exposure": against_people("exposure", ["brightness", "contrast", "black_share", "white_share"]),
    "colour": against_people("colour", ["colourfulness", "saturation", "cast"]),
    "colour_match": colour_match,
    "safety": safety,
    "text_rendering": text_rendering,
    "text_found": text_found,
    "pixel_change": pixel_change,
    "generated_quality": generated_quality,
    "photo_quality": against_people("photo_quality", ["quality"]),
    "content_labels": content_labels,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("names", nargs="*", default=list(MEASURES))
    arguments = parser.parse_args()
    for name in arguments.names:
        print(f"{name}: {MEASURES[name](arguments.data)}", flush=True)


if __name__ == "__main__":
    main()
