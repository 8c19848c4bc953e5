"""What the tests of local models ask: a verdict in small, about pictures of noise."""

import asyncio
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from autorater.image import Picture, open_picture
from autorater.messages import Conversation, Image, Text, Turn
from autorater.model import Model, Question, Reply, Sampling


class Small(BaseModel):
    """Text of limited length, labels and a range: all that a verdict is made of."""

    model_config = ConfigDict(extra="forbid")

    observations: list[Annotated[str, Field(min_length=1, max_length=16)]] = Field(min_length=1, max_length=2)
    winner: Literal["A", "B", "tie"]
    score: int = Field(ge=1, le=10)


class Label(BaseModel):
    """One label and nothing else."""

    model_config = ConfigDict(extra="forbid")

    winner: Literal["A", "B", "tie"]


class Essay(BaseModel):
    """More text than any test waits for."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1500, max_length=2000)


def noise(seed: int, height: int = 40, width: int = 48) -> Picture:
    """A picture of random pixels."""
    return open_picture(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def question(
    *pictures: Picture,
    text: str = "Which is better?",
    system: str = "You judge images.",
    form: type[BaseModel] = Small,
    sample: int = 0,
    then: tuple[Turn, ...] = (),
    **sampling: Any,
) -> Question:
    """Ask about `pictures`; the rest are the settings of Sampling, with few tokens unless told."""
    first = Turn("user", (Text(text), *(Image(picture) for picture in pictures)))
    return Question(
        Conversation(system, (first, *then)),
        form.__name__,
        form.model_json_schema(),
        sampling=Sampling.model_validate({"max_output_tokens": 400, **sampling}),
        sample=sample,
    )


def ask(model: Model, asked: Question) -> Reply:
    """The answer, from a loop of its own."""
    return asyncio.run(model.ask(asked))
