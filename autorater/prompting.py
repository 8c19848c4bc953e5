"""Find and render prompts: strict Jinja2 in Markdown files, identity by digest, text from outside fenced.

A prompt file has front matter (`name`, `purpose`, `inputs`) and a body with a line `=== system ===` and a line
`=== user ===`. `{{ picture("image_1") }}` places an image; `{{ text | fence("prompt") }}` places text from outside.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, cast

from jinja2 import Environment, StrictUndefined, Template, UndefinedError, meta
from pydantic import Field

from autorater.canonical import Record
from autorater.document import read_document
from autorater.errors import UsageError
from autorater.image import Picture
from autorater.messages import Conversation, Image, Text, Turn
from autorater.suggest import did_you_mean

_SECTION = re.compile(r"^=== (system|user) ===\n", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")
_PLACE = re.compile(r"\x00([a-z0-9_]+(?::[a-z0-9_]+)?)\x00")


class PromptMeta(Record):
    """The front matter of a prompt."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    purpose: str
    inputs: tuple[str, ...]
    """The names that the body uses; a test checks that they are exactly these."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prompt rendered but for its pictures and its fenced prompt: what recurs from request to request."""

    name: str
    system: str
    pieces: tuple[str, ...]
    """Texts and, at odd places, the names of pictures ("image_1") or of the fenced prompt ("prompt:label")."""

    def fill(self, prompt: str, pictures: Mapping[str, Picture]) -> Conversation:
        """One user turn. Raises UsageError when a picture that the prompt uses is not given."""
        parts: list[Text | Image] = []
        text = ""
        for place, piece in enumerate(self.pieces):
            if place % 2 == 0:
                text += piece
            elif piece.startswith("prompt:"):
                text += fence(prompt, piece.removeprefix("prompt:"))
            elif piece in pictures:
                _add_text(parts, text)
                parts.append(Image(pictures[piece]))
                text = ""
            else:
                raise UsageError(f"prompt {self.name}: no picture is called {piece!r}")
        _add_text(parts, text)
        return Conversation(self.system, (Turn("user", tuple(parts)),))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt ready to render. `digest` is the sha256 of the file and is its identity."""

    meta: PromptMeta
    system: Template
    user: Template
    digest: str

    def prepare(self, inputs: Mapping[str, Any]) -> Prepared:
        """All that does not depend on `inputs["prompt"]`. Raises UsageError when an input that it uses is not given."""
        told = {**inputs, "prompt": _Later()} if "prompt" in inputs else inputs
        try:
            system, user = self.system.render(told), self.user.render(told)
        except UndefinedError as error:
            raise UsageError(f"prompt {self.meta.name}: {error.message}") from error
        return Prepared(self.meta.name, system.strip("\n"), tuple(_PLACE.split(user)))

    def render(self, inputs: Mapping[str, Any], pictures: Mapping[str, Picture]) -> Conversation:
        """One user turn. Raises UsageError when an input or a picture that the prompt uses is not given."""
        return self.prepare(inputs).fill(inputs.get("prompt", ""), pictures)


class _Later:
    """Stands for the prompt while a template is rendered: it can be fenced, and nothing else."""

    def __str__(self) -> str:
        raise UsageError("a prompt file uses the request's prompt without `| fence(...)`: text from outside is fenced")


def _add_text(parts: list[Text | Image], text: str) -> None:
    if text.strip():
        parts.append(Text(text.strip("\n")))


def _fence_in_template(text: object, label: str) -> str:
    return f"\x00prompt:{label}\x00" if isinstance(text, _Later) else fence(str(text), label)


def fence(text: str, label: str, *, digits: int = 12) -> str:
    """`text` between two marks that it does not contain: they carry `digits` of its own digest.

    Control characters (all but tab and line feed) become U+FFFD, so that nothing in it can pose as a picture's place.
    """
    clean = _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))
    whole = hashlib.sha256(clean.encode()).hexdigest()
    while (mark := whole[:digits]) in clean:  # somebody searched long for a text that holds its own digest
        whole = hashlib.sha256(f"{whole}{clean}".encode()).hexdigest()
    return f"<<<{label} {mark}\n{clean}\n{label} {mark}>>>"


def place_picture(name: str) -> str:
    """The mark of a picture's place; no text from outside can hold it."""
    return f"\x00{name}\x00"


@cache
def _environment() -> Environment:
    # The output is plain text for a model, never HTML, and everything from outside goes through `fence`.
    environment = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
    filters, names = cast(dict[str, Any], environment.filters), cast(dict[str, Any], environment.globals)
    filters["fence"] = _fence_in_template
    names["picture"] = place_picture
    return environment


def read_prompt(text: str, *, name: str) -> Prompt:
    """Read one prompt file. Raises UsageError when its front matter, sections or inputs are not in order."""
    document = read_document(text, PromptMeta, name=name)
    pieces = _SECTION.split(document.body)
    if pieces[1::2] != ["system", "user"] or pieces[0].strip():
        raise UsageError(f"{name}: expected a line '=== system ===' and then a line '=== user ==='")
    environment = _environment()
    used = meta.find_undeclared_variables(environment.parse(document.body)) - {"picture"}
    if used != set(document.meta.inputs):
        raise UsageError(f"{name}: declares the inputs {sorted(document.meta.inputs)}, uses {sorted(used)}")
    system, user = environment.from_string(pieces[2]), environment.from_string(pieces[4])
    return Prompt(document.meta, system, user, document.digest)


@cache
def find_prompts() -> dict[str, Prompt]:
    """Every prompt of the package `autorater_prompts`, by name."""
    folder = resources.files("autorater_prompts")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".md")), key=lambda file: file.name)
    prompts = [read_prompt(file.read_text(encoding="utf-8"), name=file.name) for file in files]
    return {prompt.meta.name: prompt for prompt in prompts}


def get_prompt(name: str) -> Prompt:
    """The prompt of this name. Raises UsageError when there is none."""
    prompts = find_prompts()
    if name not in prompts:
        raise UsageError(f"no prompt is called {name!r}; {did_you_mean(name, prompts)}")
    return prompts[name]
