"""Examples as TRL's prompt/completion rows: the prompt is to the letter what `transformers:STUDENT` is sent.

The chat template is applied here, by the function that the provider uses, so that images stand where the text names
them, control words in foreign text are broken, and training and serving cannot part. Only the completion bears loss.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from autorater.errors import UsageError
from autorater.image import Fit, Picture, fit, open_picture
from autorater.messages import Conversation, Image, Text, Turn
from autorater.providers._local_chat import render  # pyright: ignore[reportPrivateUsage]
from autorater_evals.training.settings import Variant
from autorater_evals.trainset import Example, TrainSet

_MARK = "wzqxj"
"""Stands for an answer while the end of a turn is looked up."""


@dataclass(frozen=True, slots=True)
class Row:
    """One example as text. `images` are sha256 in the order of their placeholders in `prompt`."""

    prompt: str
    completion: str
    images: tuple[str, ...]


def chosen(examples: Iterable[Example], variant: Variant) -> list[Example]:
    """The examples of a variant, in order."""
    return [one for one in examples if variant == "all" or bool(one.tools) == (variant == "with")]


def apart(examples: Sequence[Example], held: TrainSet) -> list[Example]:
    """The examples that share no item, image, prompt or cluster with the held-out ones (validation and test) of a set.

    A prompt that `held` itself has in both was never meant to part them: all items may have the same words.
    """
    every = list(held.examples())
    others = [one for one in every if one.split != "train"]
    seen = {word for one in others for word in (one.item, one.cluster, *one.candidates, *one.sources)}
    told = {one.prompt.strip() for one in others} - {one.prompt.strip() for one in every if one.split == "train"}
    return [
        one
        for one in examples
        if one.prompt.strip() not in told and not seen & {one.item, one.cluster, *one.candidates, *one.sources}
    ]


def make_rows(examples: Sequence[Example], processor: Any, *, name: str) -> list[Row]:
    """The rows of examples. `name` is the student's, for messages.

    Raises:
        UsageError: the processor has no chat template, or shows another number of images than an example has.

    """
    frame = _Frame(_start(processor), _end_of_turn(processor, name=name), _placeholder(processor))
    return [_row(example, processor, frame, name=name) for example in examples]


def _row(example: Example, processor: Any, frame: "_Frame", *, name: str) -> Row:
    # Rendering asks where pictures stand, not what is on them.
    nothing = cast("Picture", None)
    parts = tuple(Image(nothing) if piece.image else Text(piece.text) for piece in example.pieces)
    prompt, _ = render(processor, Conversation(example.system, (Turn("user", parts),)), name=name)
    found, wanted = prompt.count(frame.image), len(example.images)
    if found != wanted:
        raise UsageError(
            f"{example.id}: its text shows {wanted} images and the chat template of {name} makes {found} places: "
            "use another student, or make the set again"
        )
    begun = "" if prompt.startswith(frame.start) else frame.start
    return Row(begun + prompt, example.completion + frame.end, example.images)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What stands around every text of a student, and for an image in it."""

    start: str
    end: str
    image: str


def _placeholder(processor: Any) -> str:
    """The word that one image becomes in a prompt, before its tokens are counted out."""
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": _MARK}]}
    token = str(getattr(processor, "image_token", "") or "<image>")
    text = str(processor.apply_chat_template([turn], tokenize=False))
    return token if token in text else str(getattr(processor, "boi_token", token))


def _end_of_turn(processor: Any, *, name: str) -> str:
    """What the chat template writes after an answer, without line ends: the token that stops it."""
    if not processor.chat_template:
        raise UsageError(f"{name} has no chat template: use a checkpoint that was tuned for conversation")
    said = [
        {"role": role, "content": [{"type": "text", "text": text}]}
        for role, text in (("user", "x"), ("assistant", _MARK))
    ]
    after = str(processor.apply_chat_template(said, tokenize=False)).partition(_MARK)[2].rstrip()
    return after or str(processor.tokenizer.eos_token or "")


def _start(processor: Any) -> str:
    """What the tokenizer puts before every text by itself ("" for most); TRL does not let it."""
    alone = processor.tokenizer("x", add_special_tokens=False)["input_ids"]
    begun = processor.tokenizer("x", add_special_tokens=True)["input_ids"]
    cut = len(begun) - len(alone)
    before: list[int] = begun[:cut] if begun[cut:] == alone else []
    return str(processor.tokenizer.decode(before)) if before else ""


def make_dataset(rows: Sequence[Row], trainset: TrainSet, limits: Fit) -> Any:
    """A `datasets.Dataset` of prompt, completion and images, which are opened as they are needed.

    Raises RecordError when a file of an image is missing.
    """
    import datasets  # pyright: ignore[reportMissingTypeStubs]

    for sha256 in {image for row in rows for image in row.images}:
        trainset.image(sha256)

    def opened(batch: dict[str, Any]) -> dict[str, Any]:
        images = [[pixels(trainset, sha256, limits) for sha256 in one] for one in batch["images"]]
        return {**batch, "images": images}

    table = {name: [getattr(row, name) for row in rows] for name in ("prompt", "completion")}
    found: Any = cast("Any", datasets).Dataset.from_dict({**table, "images": [list(row.images) for row in rows]})
    found.set_transform(opened)
    return found


def pixels(trainset: TrainSet, sha256: str, limits: Fit) -> Any:
    """An image as the provider hands it to the processor: fitted to its limits, RGB."""
    from PIL import Image as Pillow

    sent = fit(open_picture(trainset.image(sha256)), limits)
    return Pillow.open(io.BytesIO(sent.data)).convert("RGB")
