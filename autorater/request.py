"""What is to be judged: a prompt, the source images when it is an edit, and the candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from pydantic import ValidationError

from autorater.canonical import Record, digest_of
from autorater.checklist import Checklist
from autorater.document import describe_errors
from autorater.errors import UsageError
from autorater.image import ImageSource, Picture, open_picture
from autorater.suggest import did_you_mean

Task: TypeAlias = Literal["rate", "compare", "rank", "check"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MAX_PROMPT = 20_000
"""Prompts with more characters are refused."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to judge. `candidates` are called "a", "b", … in order; `sources` are empty for a generation.

    `prompt` is the generation prompt or the editing instruction. `id` names the request for the caller; when empty
    it is the request's digest.
    """

    prompt: str
    candidates: tuple[Picture, ...]
    sources: tuple[Picture, ...] = ()
    task: Task = "compare"
    id: str = ""
    questions: Checklist | None = None
    """Questions about this request alone, in place of the run's checklist."""

    @property
    def edit(self) -> bool:
        """Whether this is an edit (it has a source image)."""
        return bool(self.sources)

    def canonical(self) -> dict[str, Any]:
        """The request by content."""
        content = {
            "task": self.task,
            "prompt": self.prompt,
            "sources": [picture.sha256 for picture in self.sources],
            "candidates": [picture.sha256 for picture in self.candidates],
        }
        own = self.questions.model_dump(mode="json") if self.questions else None
        return content | {"questions": own} if own else content

    @property
    def digest(self) -> str:
        """The sha256 of the request's content; its id is not part of it."""
        return digest_of(self.canonical())

    def named(self) -> dict[str, Picture]:
        """Letter → candidate, in order."""
        return dict(zip(LETTERS, self.candidates, strict=False))


_COUNTS = {"rate": (1, 1), "check": (1, 1), "compare": (2, 2), "rank": (2, len(LETTERS))}


def make_request(
    candidates: Sequence[ImageSource],
    *,
    prompt: str,
    source: ImageSource | Sequence[ImageSource] | None = None,
    task: Task,
    id: str = "",
    questions: Checklist | None = None,
    allow_urls: bool = False,
) -> Request:
    """Open the images and check the whole. Lists and tuples are several sources, anything else is one.

    Raises:
        UsageError: an empty or overlong prompt, or a number of candidates that the task does not take.
        ImageError: an image cannot be used.

    """
    if task not in _COUNTS:
        raise UsageError(f"no task is called {task!r}; {did_you_mean(task, _COUNTS)}")
    low, high = _COUNTS[task]
    if not low <= len(candidates) <= high:
        wanted = str(low) if low == high else f"{low} to {high}"
        raise UsageError(f"{task} takes {wanted} candidate image{'s' * (high > 1)}, got {len(candidates)}")
    text = _checked(prompt)
    given = [] if source is None else source if isinstance(source, (list, tuple)) else [source]
    several = cast(Sequence[ImageSource], given)
    opened = tuple(
        open_picture(item, name=f"candidate {letter}", allow_urls=allow_urls)
        for letter, item in zip(LETTERS, candidates, strict=False)
    )
    sources = tuple(
        open_picture(item, name=f"source {number}", allow_urls=allow_urls) for number, item in enumerate(several, 1)
    )
    return Request(text, opened, sources, task, id, questions)


def _checked(prompt: str) -> str:
    text = prompt.strip()
    if not text:
        raise UsageError("the prompt is empty: give the text that the image was made from (--prompt)")
    if len(text) > MAX_PROMPT:
        raise UsageError(f"the prompt has {len(text)} characters; at most {MAX_PROMPT} are judged: shorten it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the prompt is not valid Unicode at character {error.start}: give it as UTF-8") from error
    return text


class Row(Record):
    """One line of a JSON Lines file of requests. Give `images`, or `image`, or `image_a` and `image_b`."""

    prompt: str
    images: tuple[str, ...] = ()
    image: str = ""
    image_a: str = ""
    image_b: str = ""
    source: str | tuple[str, ...] = ()
    """The source image or images of an edit."""
    id: str = ""
    task: Task | None = None
    """Guessed from the number of images when null; "check" of one image with questions."""
    questions: Checklist | None = None
    """Questions about this request alone, in place of the run's checklist: a name, and items with id and text."""


def request_from_row(row: object, *, folder: str | Path = ".", allow_urls: bool = False) -> Request:
    """A request from one JSON object with the fields of `Row`; relative paths are taken from `folder`.

    Raises:
        UsageError: a field is missing, unknown or of the wrong type.
        ImageError: an image cannot be used.

    """
    try:
        fields = Row.model_validate(row)
    except ValidationError as error:
        raise UsageError(describe_errors(error)) from error

    def located(item: str) -> ImageSource:
        return item if item.startswith(("http://", "https://", "data:")) else Path(folder) / item

    pair = (fields.image_a, fields.image_b)
    forms = [images for images in (fields.images, (fields.image,), pair) if any(images)]
    if len(forms) != 1 or not all(forms[0]):
        raise UsageError("expected one of 'images' (a list of paths), 'image', or both 'image_a' and 'image_b'")
    images = forms[0]
    alone: Task = "rate" if fields.questions is None else "check"
    guessed: Task = alone if len(images) == 1 else "compare" if len(images) == 2 else "rank"
    sources = (fields.source,) if isinstance(fields.source, str) else fields.source
    return make_request(
        [located(item) for item in images],
        prompt=fields.prompt,
        source=[located(item) for item in sources if item],
        task=fields.task or guessed,
        id=fields.id,
        questions=fields.questions,
        allow_urls=allow_urls,
    )
