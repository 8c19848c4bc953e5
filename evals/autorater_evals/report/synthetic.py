"""An evaluated run that nobody judged: pictures, labels and judgments drawn by a seed, to try and measure the report.

Its numbers mean nothing. With `hostile`, every text is one that would break a careless page.
"""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from math import exp
from pathlib import Path
from typing import Any

import numpy as np

from autorater.assessment import Assessment, Declined, Mask, Measured, Provenance, Quantity, Reading, Region
from autorater.canonical import digest, digest_of
from autorater.card import Card, CardMeta, Weights
from autorater.checklist import ANSWERS, default_checklist
from autorater.events import Judged, PictureRecord, Requested, Started
from autorater.judgment import Chosen, JudgedBy, Judgment, OutcomeKind, Pass
from autorater.model import Usage
from autorater.runlog import RunLog
from autorater.verdict import ATTRIBUTES, Citation, Verdict, Weakness
from autorater_evals.benchmark import Dimension, Part
from autorater_evals.item import Item, Preference, Side, side_of
from autorater_evals.recorded import Header, write_items

HOSTILE = (
    "</script><script>document.title='broken'</script>",
    "<!--<script>",
    '"><img src=x onerror="document.title=`broken`">',
    "\u202egnp.exe\u2066 turned",
    "שלום עולם، مرحبا بالعالم",
    "👩‍👩‍👧‍👦 🏳️‍🌈 z\u0336a\u0336l\u0336g\u0336o",
    "line\u2028separator \x00\x1b[31m ${7*7} {{7*7}} & &amp; \\u003c/script\\u003e",
    "a" * 300,
    "| [x](javascript:alert(1)) `code` **bold** $x_1$ |",
)
_WORDS = [
    "a",
    "red",
    "fox",
    "in",
    "deep",
    "snow",
    "under",
    "old",
    "pines",
    "with",
    "soft",
    "light",
    "and",
    "one",
    "small",
    "lantern",
    "beside",
    "two",
    "grey",
    "stones",
]
GENERATORS = ("alder", "birch", "cedar", "dogwood", "elm")
_SHA = "0" * 64
LEVELS = ("a_better", "same", "b_better")
OUTCOMES: tuple[OutcomeKind, ...] = ("scored", "scored", "scored", "refused", "unparsable", "abstained")


def write_synthetic(
    folder: Path, *, items: int, side: int = 512, seed: int = 0, name: str = "synthetic:one", hostile: bool = False
) -> Path:
    """Write a run of `items` comparisons with two pictures each of their own, and return its folder.

    `seed` decides the judge's answers; pictures and labels are the same for every seed.
    """
    cards = {title: _card(title, hostile=hostile) for title in ("sharp", "faults")}
    names = (*GENERATORS[:-1], HOSTILE[0]) if hostile else GENERATORS
    listed = [_item(number, names, hostile=hostile) for number in range(items)]
    dimensions = (
        Dimension(name="overall", meaning="which is better"),
        Dimension(name="style", meaning="which looks better", reads=("attribute:style",)),
    )
    part = Part(name="pairs", kind="pairs", dimensions=dimensions, expect={"items": items}, figures=("accuracy_half",))
    header = Header(
        benchmark="synthetic",
        title=HOSTILE[2] if hostile else "Synthetic pairs",
        card=_SHA,
        data=digest_of([one.model_dump(mode="json") for one in listed]),
        licence="CC0-1.0",
        training_allowed=False,
        parts=(part,),
        counts={"pairs": {"items": items}},
        complete=True,
    )
    write_items(folder, header, listed)
    random = np.random.default_rng([seed, 1])
    with RunLog(folder, write=True) as log:
        blobs = {title: log.keep_text(card.model_dump_json()) for title, card in cards.items()}
        settings: dict[str, Any] = {
            "model": {"name": name},
            "tools": {"how": "fixed", "names": list(cards)},
            "card_blobs": blobs,
        }
        log.append(Started(key=digest_of(settings), autorater="0", at=_AT, settings=settings))
        for number, item in enumerate(listed):
            pictures = [_picture(log, 2 * number + place, side) for place in range(2)]
            key = digest(item.id.encode())
            asked = Requested(
                key=key, id=item.id, task="compare", prompt=item.prompt, sources=(), candidates=tuple(pictures)
            )
            log.append(asked)
            judged = _judgment(item, [one.sha256 for one in pictures], random, name=name, hostile=hostile)
            log.append(Judged(key=key, judgment=judged))
    return folder


_AT = datetime(2026, 1, 1, tzinfo=UTC).isoformat(timespec="milliseconds")


def _item(number: int, generators: tuple[str, ...], *, hostile: bool) -> Item:
    random = np.random.default_rng([number, 2])
    one, other = (int(place) for place in random.choice(len(generators), 2, replace=False))
    gap = float(np.round(random.normal(0.3 * (other - one), 1), 2))
    strange = HOSTILE[number % len(HOSTILE)].replace("\u2028", " ")
    prompt = strange if hostile else f"{_text(random, 12)}, number {number}"
    votes: dict[str, Side] = {f"r{rater}": side_of(round(gap + float(random.normal()), 1)) for rater in range(5)}
    style = Preference(preferred=side_of(round(gap + float(random.normal()), 0)))
    return Item(
        id=f"{strange}-{number}" if hostile else f"pair-{number:05}",
        part="pairs",
        prompt=prompt,
        images=(f"images/{number}-a.jpg", f"images/{number}-b.jpg"),
        cluster=f"prompt {number // 2}",
        generators=(generators[one], generators[other]),
        facets={"kind": ("indoors", "outdoors", HOSTILE[3] if hostile else "people")[number % 3]},
        preferences={"overall": Preference(preferred=side_of(gap), gap=gap, votes=votes), "style": style},
    )


def _text(random: np.random.Generator, words: int) -> str:
    return " ".join(_WORDS[int(place)] for place in random.integers(0, len(_WORDS), words))


def _picture(log: RunLog, number: int, side: int) -> PictureRecord:
    """A picture of soft shapes with a little noise, so that it takes about as much as a photograph."""
    from PIL import Image

    random = np.random.default_rng([number, 3])
    coarse = Image.fromarray(random.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.int16)
    pixels = np.clip(soft + random.integers(-14, 15, (side, side, 1), dtype=np.int16), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    data = buffer.getvalue()
    sha256 = log.keep(data)
    return PictureRecord(sha256=sha256, media_type="image/jpeg", width=side, height=side, plain=True, size=len(data))


def _card(name: str, *, hostile: bool) -> Card:
    quantity = Quantity(name="level", meaning=f"how {name} it is", unit="1", low=0, high=10, better="higher")
    meta = CardMeta.model_validate(
        {
            "name": name,
            "title": HOSTILE[1] if hostile else f"The measure of {name}",
            "entry": "some.module:Thing",
            "quantities": [quantity],
            "seconds": 0.1,
            "extra": "specialists",
            "weights": [Weights(file="w.onnx", package="weights", sha256=_SHA, licence="CC0-1.0", bytes=1)],
            "licence": "CC0-1.0",
            "commercial": True,
            "source": "nobody",
            "errors": "drawn by a seed",
        }
    )
    return Card(meta=meta, body="", digest=_SHA)


def _judgment(item: Item, pictures: list[str], random: np.random.Generator, *, name: str, hostile: bool) -> Judgment:
    gap = item.preferences["overall"].gap or 0.0
    margin = 0.8 * gap + float(random.normal(0, 0.7))
    probability = round(1 / (1 + exp(-1.4 * margin)), 3)
    outcome = OUTCOMES[int(random.integers(3, 6))] if random.random() < 0.03 else "scored"
    side = side_of(round(probability - 0.5, 3))
    words = (
        HOSTILE[int(random.integers(len(HOSTILE)))]
        if hostile
        else f"{_text(random, 60)} mark{int(random.integers(10**9))}"
    )
    drift = min(2, max(0, round(1 - margin)))
    attributes = {one: LEVELS[min(2, max(0, drift + int(random.integers(-1, 2))))] for one in ATTRIBUTES}
    common: dict[str, Any] = {
        "id": item.id,
        "task": "compare",
        "prompt": item.prompt,
        "candidates": tuple(pictures),
        "assessments": tuple(_assessments(random, hostile=hostile)),
        "selection": Chosen(how="fixed", names=("sharp", "faults")),
        "usage": Usage(input=2400, output=310),
        "cost": 0.0042,
        "judged_by": JudgedBy(model=name, protocol="autorater", autorater="0", settings=_SHA),
    }
    if outcome != "scored":
        failed = Pass(order="ab", outcome=outcome, detail=words)
        return Judgment(**common, outcome=outcome, reason=f"the judge gave no result: {words}", passes=(failed,))
    return Judgment(
        **common,
        outcome="tie" if side == "tie" else "scored",
        reason=f"image {side} is preferred, in both orders",
        preferred=side,
        probability=probability,
        method="logprobs",
        consistent=True,
        rationale=words,
        observations={"a": words[:200], "b": words[-200:]},
        weaknesses={"a": (Weakness(where="at the left", what=words[:60]),), "b": ()},
        checklist=_checklist(random),
        attributes=attributes,
        citations=(
            Citation(assessment="sharp.level@a", quote=words[:20]),
            Citation(
                assessment="faults@b", quote=words[:20], flag="not a quote of it" if random.random() < 0.1 else ""
            ),
            Citation(assessment=words[:30], quote="7", flag="there is no such assessment"),
        ),
        passes=tuple(_pass(order, margin, random, words, attributes) for order in ("ab", "ba")),
    )


def _pass(order: str, margin: float, random: np.random.Generator, words: str, attributes: dict[str, str]) -> Pass:
    side = side_of(round(margin + (0.2 if order == "ab" else -0.2) + float(random.normal(0, 0.2)), 1))
    probability = round(1 / (1 + exp(-1.4 * margin)), 3)
    verdict = Verdict(rationale=words, preference=side, attributes=attributes)
    return Pass(
        order=order,
        outcome="tie" if side == "tie" else "scored",
        verdict=verdict,
        probability=probability,
        method="logprobs",
    )


def _checklist(random: np.random.Generator) -> dict[str, Any]:
    asked = default_checklist(edit=False).items
    return {
        letter: {one.id: ANSWERS[int(random.choice(4, p=(0.7, 0.2, 0.05, 0.05)))] for one in asked} for letter in "ab"
    }


def _assessments(random: np.random.Generator, *, hostile: bool) -> Iterator[Assessment]:
    where = Provenance(card=_SHA, settings=_SHA, device="cpu", seconds=0.1)
    for letter in "ab":
        level = Reading(quantity="level", value=float(np.round(random.uniform(0, 10), 2)), sigma=0.4)
        label = HOSTILE[int(random.integers(len(HOSTILE)))][:60] if hostile else _text(random, 2)
        left, top = (float(one) for one in random.uniform(0, 0.6, 2).round(3))
        region = Region(label=label, box=(left, top, left + 0.3, top + 0.3), score=0.8)
        yield Assessment(specialist="sharp", candidate=letter, outcome=Measured(readings=(level,)), provenance=where)
        found: Any = Declined(reason=f"nothing to look at: {label}")
        if random.random() < 0.8:
            rows, columns = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 64), indexing="ij")
            spot = np.exp(-((rows - top - 0.15) ** 2 + (columns - left - 0.15) ** 2) / 0.02)
            found = Measured(readings=(level,), regions=(region,), mask=Mask.of("faults", spot), text=label)
        yield Assessment(specialist="faults", candidate=letter, outcome=found, provenance=where)
