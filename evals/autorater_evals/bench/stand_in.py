"""Stand-ins: tiny pictures, requests, a model that answers at once or after a while."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from autorater import Request, make_request
from autorater.image import Fit, Picture, open_picture
from autorater.model import Capability, Question, Reply, Usage

WORDS = "A harbour at dusk with boats; the water is calm and the pier leads into the picture."


def fill(schema: dict[str, Any]) -> Any:
    """A plausible answer to a schema, of the length that models write."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: fill(part) for name, part in schema["properties"].items()}
    if schema["type"] == "array":
        return []
    return 7 if schema["type"] == "integer" else WORDS


@cache
def pictures() -> tuple[Picture, ...]:
    """Eight tiny pictures, opened once."""
    return tuple(open_picture(np.full((32, 32, 3), 30 * shade, np.uint8)) for shade in range(8))


def requests(count: int, *, start: int = 0) -> Iterator[Request]:
    """Comparisons with different prompts over the same few pictures."""
    shown = pictures()
    for number in range(start, start + count):
        pair = [shown[number % 8], shown[(number * 3 + 1) % 8]]
        yield make_request(pair, prompt=f"a harbour at dusk with {number} boats", task="compare", id=str(number))


@dataclass
class StandIn:
    """A model that fills the schema after `seconds`."""

    seconds: float = 0.0
    name: str = "stand-in:one"
    capability: Capability = field(default_factory=lambda: Capability(fit=Fit()))
    _texts: dict[str, str] = field(default_factory=dict[str, str])

    async def ask(self, question: Question) -> Reply:
        """Answer."""
        if question.schema_digest not in self._texts:
            self._texts[question.schema_digest] = json.dumps(fill(question.schema))
        if self.seconds:
            await asyncio.sleep(self.seconds)
        text = self._texts[question.schema_digest]
        return Reply(text=text, finish="stop", usage=Usage(input=1500, output=400), served_by="stand-in")
