"""Made-up sets for proofs: pictures drawn by a seed, labels that follow from them, the judge's own prompts.

No person labelled these, and the teacher of every example is named "scripted:…".
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from autorater.checklist import default_checklist
from autorater.evidence import Evidence
from autorater.image import Picture, open_picture
from autorater.ledger import Ledger
from autorater.messages import Image, Text
from autorater.model import Model
from autorater.request import Request
from autorater.verdict import parse_verdict
from autorater.vlm_judge import VlmJudge
from autorater_evals.trainset import Example, Label, Piece, TrainSet, write_set
from autorater_evals.trainset.example import Split

if TYPE_CHECKING:
    from autorater.card import Card
    from autorater.specialist import Specialist

NO_EVIDENCE = Evidence((), {})


def example_of(
    request: Request,
    *,
    order: Sequence[int],
    completion: dict[str, Any],
    label: Label,
    split: Split,
    evidence: Evidence = NO_EVIDENCE,
    tools: tuple[str, ...] = (),
    teacher: str,
) -> Example:
    """An example as the protocol `autorater-paper` asks its judge, with this answer; the answer fits the schema."""
    # The judge only words its question here: it is asked of nobody.
    judge = VlmJudge(cast("Model", None), Ledger(), protocol="autorater-paper")
    question = judge.question(request, evidence, order)
    pieces = tuple(
        Piece(image=part.picture.sha256) if isinstance(part, Image) else Piece(text=cast("Text", part).text)
        for part in question.conversation.turns[0].parts
    )
    text = json.dumps(completion)
    parse_verdict(text, task=request.task, checklist=default_checklist(edit=False), order=order, bare=True)
    return Example(
        id=f"{request.id}/{''.join(map(str, order))}/{'tools' if tools else 'free'}",
        item=request.id,
        benchmark="synthetic",
        task=request.task,
        protocol="autorater-paper",
        prompt=request.prompt,
        candidates=tuple(one.sha256 for one in request.candidates),
        order=tuple(order),
        tools=tools,
        system=question.conversation.system,
        pieces=pieces,
        completion=text,
        label=label,
        cluster=request.id,
        split=split,
        teacher=teacher,
    )


def keep(folder: Path, examples: Sequence[Example], pictures: Iterator[Picture] | Sequence[Picture]) -> TrainSet:
    """Write a set of made-up examples with a card that says so."""
    images = {one.sha256: (one.media_type, one.data) for one in pictures}
    card = {
        "source": {"benchmark": "synthetic", "licence": "drawn here"},
        "examples": len(examples),
        "teacher": examples[0].teacher,
    }
    return write_set(folder, examples, images, card, described="# Made-up pictures and labels, for proofs\n")


def brightness_set(folder: Path, *, train: int = 64, held_out: int = 40, seed: int = 0) -> TrainSet:
    """Pairs of noise of which the brighter one is preferred: nothing but the pictures tells which it is.

    All prompts are the same. Every pair is shown in an order drawn by the seed, and a is as often the brighter as b.
    """
    random = np.random.default_rng(seed)
    examples: list[Example] = []
    pictures: list[Picture] = []
    for number in range(train + held_out):
        two = two_levels(random)
        pair = tuple(noise(level, random) for level in two)
        pictures += pair
        order = (0, 1) if random.random() < 0.5 else (1, 0)
        side = "a" if two[0] > two[1] else "b"
        place = order.index(0 if side == "a" else 1) + 1
        request = Request("the brighter picture", pair, task="compare", id=f"pair-{number}")
        examples.append(
            example_of(
                request,
                order=order,
                completion={"rationale": f"Image {place} is brighter.", "preference": f"image_{place}"},
                label=Label(preferred=side, gap=(two[0] - two[1]) / 255),
                split="train" if number < train else "test",
                teacher="scripted:brightness",
            )
        )
    return keep(folder, examples, pictures)


def two_levels(random: np.random.Generator) -> tuple[int, int]:
    """Two mean levels, 40 to 65 apart, between 40 and 215.

    With larger gaps the level of one picture alone would often tell, and a small student would stop at that.
    """
    low = int(random.integers(40, 150))
    high = low + int(random.integers(40, 66))
    return (low, high) if random.random() < 0.5 else (high, low)


def noise(level: float, random: np.random.Generator, *, side: int = 32) -> Picture:
    """Grey noise around a level (0 to 255)."""
    return picture(np.clip(level + random.normal(0, 12, (side, side)), 0, 255))


def picture(grey: Any) -> Picture:
    """A picture from an array (height, width) of 0 to 255."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)).save(buffer, "PNG")
    return open_picture(buffer.getvalue())


def texture_set(folder: Path, *, train: int = 192, held_out: int = 64, seed: int = 0, hidden: bool = True) -> TrainSet:
    """Single pictures to be rated by brightness and by a texture so fine that a picture of 32 pixels hides it.

    The score is 1 + 1.5 x (brightness 0 to 3 + texture 0 to 3), rounded down. `hidden` gives two examples an item, with
    and without the reading of `sharpness`, which measures the texture; else one without, rated by 1 + 3 x brightness.
    """
    random = np.random.default_rng(seed)
    examples: list[Example] = []
    pictures: list[Picture] = []
    for number in range(train + held_out):
        bright, fine = (int(one) for one in random.integers(0, 4, 2))
        shown = _textured(48 + 52 * bright + int(random.integers(-12, 13)), 2 + 3 * fine, random)
        pictures.append(shown)
        score = 1 + (3 * (bright + fine) // 2 if hidden else 3 * bright)
        request = Request("a bright and crisp picture", (shown,), task="rate", id=f"picture-{seed}-{number}")
        for tools in (("sharpness",), ()) if hidden else ((),):
            examples.append(
                example_of(
                    request,
                    order=(0,),
                    completion={"rationale": "I looked at light and detail.", "score": score},
                    label=Label(score=score),
                    split="train" if number < train else "test",
                    evidence=_sharpness(shown) if tools else NO_EVIDENCE,
                    tools=tools,
                    teacher="scripted:texture",
                )
            )
    return keep(folder, examples, pictures)


def _textured(level: int, strength: int, random: np.random.Generator, *, side: int = 128) -> Picture:
    """A chessboard of single pixels around a level, which any scaling down makes flat.

    It is brighter towards one side, by up to 8 levels each way: else held-out pictures would be among those trained on.
    """
    rows, columns = np.indices((side, side))
    down, across = random.uniform(-8, 8, 2)
    slope = down * (rows / side - 0.5) + across * (columns / side - 0.5)
    board = ((rows + columns) % 2) * 2 - 1
    return picture(np.clip(level + slope + strength * board, 0, 255))


def _sharpness(shown: Picture) -> Evidence:
    """What `sharpness` says of a picture, as the judge reads it."""
    from autorater.assessment import Assessment, Provenance
    from autorater.evidence import show_evidence
    from autorater.specialist import View

    cards, look = _loaded()
    outcome = look([View(image=shown)])[0]
    provenance = Provenance(card=cards["sharpness"].digest, settings="", device="cpu", seconds=0.0)
    told = Assessment(specialist="sharpness", candidate="a", outcome=outcome, provenance=provenance)
    return show_evidence([told], cards, (0,))


@cache
def _loaded() -> tuple[Mapping[str, "Card"], "Specialist"]:
    """All cards, and `sharpness`."""
    from autorater.card import find_cards
    from autorater.specialist import load_specialist

    cards = find_cards()
    return cards, load_specialist(cards["sharpness"])
