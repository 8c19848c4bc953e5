"""`autorater tools try`: one specialist, a few images, what it says of each."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autorater.annotate import annotate
from autorater.assessment import Measured, Outcome, Provenance
from autorater.card import Card
from autorater.devices import check_device
from autorater.errors import ImageError, UsageError
from autorater.image import Picture, open_picture
from autorater.toolbox import Toolbox, View

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a specialist said of one image; `picture` is the file that shows it, or None."""

    image: str
    outcome: Outcome
    provenance: Provenance
    picture: Path | None

    def told(self) -> dict[str, Any]:
        """As an object for JSON."""
        return {
            "image": self.image,
            "outcome": self.outcome.model_dump(mode="json"),
            "provenance": self.provenance.model_dump(mode="json"),
            "picture": None if self.picture is None else str(self.picture),
        }


def try_specialist(
    name: str,
    images: Sequence[str],
    *,
    prompt: str,
    sources: Sequence[str],
    options: Mapping[str, str],
    places: Mapping[str, str],
    out: Path,
    device: str,
    commercial: bool,
) -> list[Tried]:
    """Let one specialist look at every image, as one batch; annotated pictures are written to the folder `out`.

    Raises:
        UsageError: it is unknown, cannot run there, or lacks what it looks at; a place is another specialist's.
        MissingExtraError: a package of it is not installed.

    """
    check_device(device)
    toolbox = Toolbox(device=device, commercial=commercial, options={name: options} if options else None, places=places)
    card = toolbox.card(name)
    if idle := sorted(set(toolbox.places) - {name}):
        raise UsageError(f"a place is given for {', '.join(idle)}, but {name} is tried: leave it out")
    toolbox.require([name])
    looked_at = views(card, images, prompt=prompt, sources=sources)
    try:
        waiting = [toolbox.submit(name, view) for view in looked_at]
        said = [future.result() for future in waiting]
    finally:
        toolbox.close()
    return [
        Tried(image, outcome, provenance, _draw(view.image, outcome, out / f"{place}{Path(image).stem}.{name}.jpg"))
        for image, view, (outcome, provenance), place in zip(images, looked_at, said, _numbers(images), strict=True)
    ]


def views(card: Card, images: Sequence[str], *, prompt: str, sources: Sequence[str]) -> list[View]:
    """A view of each image, with what the card says that it looks at.

    Raises:
        UsageError: something that it looks at was not given.

    """
    needs = card.meta.needs
    if "prompt" in needs and not prompt:
        raise UsageError(f"{card.name} looks at the prompt too: give it with --prompt")
    if "source" in needs and not sources:
        raise UsageError(f"{card.name} compares with the source of an edit: give it with --source")
    if "rival" in needs and len(images) != 2:
        raise UsageError(f"{card.name} compares two candidates: give two images, got {len(images)}")
    pictures = [open_picture(image) for image in images]
    given = tuple(open_picture(source) for source in sources) if "source" in needs else ()
    return [
        View(
            image=picture,
            prompt=prompt if "prompt" in needs else None,
            sources=given,
            rival=pictures[1 - place] if "rival" in needs else None,
        )
        for place, picture in enumerate(pictures)
    ]


def _numbers(images: Sequence[str]) -> list[str]:
    """A number before each name when two images have the same one."""
    stems = [Path(image).stem for image in images]
    return [f"{place}-" if stems.count(stem) > 1 else "" for place, stem in enumerate(stems, 1)]


def _draw(picture: Picture, outcome: Outcome, target: Path) -> Path | None:
    if not isinstance(outcome, Measured):
        return None
    try:
        annotated = annotate(picture, outcome)
    except ImageError as error:  # the readings stand without it
        _log.warning("%s", error)
        return None
    if annotated is None:
        return None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(annotated.data)
    except OSError as error:
        raise UsageError(f"--out: {target} cannot be written ({error.strerror})") from error
    return target
