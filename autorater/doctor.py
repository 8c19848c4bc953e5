"""`autorater doctor`: what is installed, what works, what to do about the rest. Prints no key and no personal path."""

import asyncio
import json
import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape

from autorater.cache import default_cache
from autorater.card import Card, find_cards
from autorater.errors import AutoRaterError
from autorater.listing import KEYS, describe_tool, status_of
from autorater.manifest import STAGE, read_manifest
from autorater.messages import Conversation, Image, Text, Turn
from autorater.model import Model, Question, Reply, Sampling, open_model
from autorater.store import in_words, size_on_disk, store_root, unverified
from autorater.sync import run_sync
from autorater.toolbox import View, checked, load_specialist

Status = Literal["ok", "note", "bad"]
ELSEWHERE = "mend its rights, or name another folder by AUTORATER_WEIGHTS"
_PACKAGES = ("openai", "anthropic", "google-genai", "torch", "transformers", "onnxruntime", "deepface")


def examine(*, model: str | None, load: bool, as_json: bool) -> bool:
    """Print the findings; whether nothing is bad."""
    findings = [*_system(), *_packages(), *_weights(), *_specialists(load=load), *_keys()]
    if model is not None:
        findings.append(_probe(model))
    if as_json:
        rows = [{"status": status, "what": what, "detail": detail} for status, what, detail in findings]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        console = Console()
        marks = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "bad": "[red]bad [/]"}
        for status, what, detail in findings:
            console.print(f"{marks[status]} [bold]{escape(what)}[/] {escape(detail)}", highlight=False, soft_wrap=True)
    return all(status != "bad" for status, _, _ in findings)


def _system() -> list[tuple[Status, str, str]]:
    low, high = (3, 11), (3, 14)
    fits = low <= sys.version_info[:2] < high
    found: list[tuple[Status, str, str]] = [
        (
            "ok" if fits else "bad",
            "Python",
            f"{platform.python_version()} on {platform.system()} (3.11 to 3.13 wanted)",
        ),
        ("ok", "AutoRater", version("autorater-vision")),
    ]
    folder = default_cache().folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free / 2**30
        found.append(("ok" if free > 1 else "note", "cache folder", f"writable, {free:.0f} GiB free"))
    except OSError as error:
        found.append(("note", "cache folder", f"cannot be written ({error.strerror}); images are measured anew"))
    return found


def _packages() -> list[tuple[Status, str, str]]:
    found: list[tuple[Status, str, str]] = []
    for name in _PACKAGES:
        try:
            found.append(("ok", name, version(name)))
        except PackageNotFoundError:
            found.append(("note", name, "not installed; see the extras in the README"))
    if find_spec("torch") is not None:
        import torch

        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        found.append(("ok", "device", f"{device} ({torch.get_num_threads()} threads)"))
    return found


def _weights() -> list[tuple[Status, str, str]]:
    """What the weights store holds, how much room is left, and which files nothing vouches for."""
    root = store_root()
    wrong = _unwritable(root)
    if not root.is_dir():
        told = f"cannot be made ({wrong}): {ELSEWHERE}" if wrong else "empty; `autorater tools pull` fills it"
        return [("note" if wrong else "ok", "weights store", told)]
    told = f"{in_words(size_on_disk(root))}, {in_words(shutil.disk_usage(root).free)} free"
    if wrong:
        told += f"; cannot be written ({wrong}), so nothing can be pulled: {ELSEWHERE}"
    found: list[tuple[Status, str, str]] = [("note" if wrong else "ok", "weights store", told)]
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        what = f"weights of {folder.name}"
        try:
            manifest, strange = read_manifest(folder), unverified(folder)
        except AutoRaterError as error:
            found.append(("bad", what, str(error)))
            continue
        pinned = sum(kept.pinned for kept in manifest.files.values())
        count = len(manifest.files)
        told = [f"{count} file{'s' * (count != 1)}, {in_words(size_on_disk(folder))}"]
        told += [f"{pinned} pinned at first sight, as nobody publishes their sha256"] * bool(pinned)
        if (folder / STAGE).is_dir():
            told.append("a pull is not finished: run it again to continue")
        if strange:
            told.append(f"never verified: {', '.join(strange[:3])}{' …' if len(strange) > 3 else ''}")
        found.append(("note" if len(told) > 1 else "ok", what, "; ".join(told)))
    return found


def _unwritable(folder: Path) -> str:
    """Why this folder, there or to be made, cannot be written; "" when it can be."""
    try:
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        with tempfile.TemporaryFile(dir=nearest):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


def _specialists(*, load: bool) -> list[tuple[Status, str, str]]:
    found: list[tuple[Status, str, str]] = []
    for card in find_cards().values():
        what = f"specialist {card.name}"
        if lacks := status_of(describe_tool(card)):
            found.append(("note", what, "; ".join(lacks)))
        elif card.meta.environment is not None:
            found.append(("ok", what, "ready, in an environment of its own"))
        else:
            found.append(_try(card, what) if load else ("ok", what, "ready"))
    return found


def _try(card: Card, what: str) -> tuple[Status, str, str]:
    import numpy as np

    from autorater.image import open_picture

    ramp = np.arange(256, dtype=np.uint8)
    across, down = np.meshgrid(ramp, ramp)
    picture = open_picture(np.stack([across, down, np.full_like(across, 90)], axis=2))
    view = View(image=picture, prompt='a sign that says "hello"', sources=(picture,), rival=picture)
    try:
        outcome = checked(card, load_specialist(card)([view])[0])
    except Exception as error:  # whatever it is, the person wants to read it here
        return "bad", what, f"{type(error).__name__}: {error}"
    return ("bad", what, outcome.error) if outcome.kind == "failed" else ("ok", what, f"looked: {outcome.kind}")


def _keys() -> list[tuple[Status, str, str]]:
    return [
        ("ok" if os.environ.get(name) else "note", name, "set" if os.environ.get(name) else f"not set ({provider})")
        for provider, name in KEYS.items()
    ]


def _probe(model: str) -> tuple[Status, str, str]:
    """Whether a model answers one tiny question with one image, and keeps to the schema."""
    import numpy as np

    from autorater.image import open_picture

    schema = {
        "type": "object",
        "properties": {
            "first": {"type": "string", "enum": ["mauve", "teal"]},
            "second": {"type": "integer", "minimum": 1, "maximum": 3},
        },
        "required": ["first", "second"],
        "additionalProperties": False,
    }
    picture = open_picture(np.full((64, 64, 3), 128, np.uint8))
    asked = (Text("Say anything you like about this image."), Image(picture))
    question = Question(
        Conversation("You describe images.", (Turn("user", asked),)),
        "probe",
        schema,
        sampling=Sampling(max_output_tokens=512, logprobs=False),
    )
    try:
        reply = run_sync(_ask(open_model(model), question))
        answer: Any = json.loads(reply.text)
        kept = answer["first"] in ("mauve", "teal") and answer["second"] in (1, 2, 3)
    except (AutoRaterError, TimeoutError) as error:
        return "bad", model, str(error) or "no answer within 120 s"
    except (ValueError, KeyError, TypeError):
        kept = False
    if kept:
        return "ok", model, "answers and keeps to the schema"
    return "note", model, "answers, but does not keep to the schema: expect repair turns and unparsable answers"


async def _ask(model: Model, question: Question) -> Reply:
    """The answer within 120 seconds; the model's connections are closed whatever comes."""
    try:
        return await asyncio.wait_for(model.ask(question), 120)
    finally:
        close = getattr(model, "close", None)
        if close is not None:
            await close()
