"""A scripted model: answers by a function of the question, counts its calls, needs no network."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autorater.image import Fit
from autorater.model import Capability, Question, Reply, Usage


def fill(schema: dict[str, Any], **last: Any) -> Any:
    """The plainest value of a schema; keywords replace properties of the root."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"]
    if kind == "object":
        return {name: last.get(name, fill(part)) for name, part in schema["properties"].items()}
    plain: dict[str, Any] = {"array": [], "string": "words", "integer": min(5, schema.get("maximum", 5))}
    return plain[kind]


def answer(question: Question, **last: Any) -> str:
    """A valid answer to a question, with some of its properties given."""
    return json.dumps(fill(question.schema, **last))


Script = Callable[[Question], "Reply | str | Exception"]


@dataclass
class ScriptedModel:
    """`script` gives a Reply, the text of one, or an exception to raise."""

    script: Script = answer
    name: str = "scripted:one"
    capability: Capability = field(default_factory=lambda: Capability(fit=Fit()))
    seconds: float = 0.0
    asked: list[Question] = field(default_factory=list[Question])

    async def ask(self, question: Question) -> Reply:
        """Answer by the script."""
        self.asked.append(question)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        said = self.script(question)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Reply):
            return said
        return Reply(
            text=said, finish="stop", usage=Usage(input=100, output=50), served_by="scripted-1", request_id="r1"
        )
