"""Make the virtual environment of a specialist, in which its worker runs.

It gets this very distribution (from the same folder, file, commit or version that this one was installed from), what
the card asks for, and the small server. What was begun is taken up again; what is done is found done.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import Distribution, distribution, entry_points
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from autorater.card import Card
from autorater.errors import UsageError
from autorater.places.environment import (
    OwnEnvironment,
    environment_of,
    environments_root,
    missing_modules,
    requirements,
)

OURS = "autorater-vision"
Run = Callable[[Sequence[str]], str]
"""Runs a command and gives its standard output. Raises UsageError when it fails."""


def run_aloud(command: Sequence[str]) -> str:
    """Run a command whose progress a person sees on stderr."""
    quiet = command[-1] == "freeze"
    try:
        ran = subprocess.run(list(command), stdout=subprocess.PIPE if quiet else 2, text=True, check=True)
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be run: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        told = " ".join(command[1:4])
        raise UsageError(
            f"`{told} …` ended with status {error.returncode}, see above; run the same command to go on"
        ) from error
    return ran.stdout or ""


def make_environment(card: Card, *, python: str | None = None, run: Run = run_aloud) -> OwnEnvironment:
    """Make the environment of this specialist, or complete it. `python` is the interpreter that it is made with.

    Raises:
        UsageError: a step failed, or what was installed is not what the specialist imports.

    """
    own = environment_of(card)
    base = python or sys.executable
    own.mark.unlink(missing_ok=True)
    if python is not None or not own.python.is_file():
        own.folder.mkdir(parents=True, exist_ok=True)
        run([base, "-m", "venv", "--clear", str(own.folder)])
    pip = [str(own.python), "-m", "pip", "--disable-pip-version-check"]
    needs = requirements(card)
    run([*pip, "install", *sources(card, needs["extras"]), *needs["packages"]])
    if needs["without_dependencies"]:
        run([*pip, "install", "--no-deps", *needs["without_dependencies"]])
    own.installed.write_text(run([*pip, "freeze"]), encoding="utf-8")
    if missing := missing_modules(card, own.python):
        raise UsageError(
            f"everything was installed, but {card.name} also needs {', '.join(missing)}: its card names too little"
        )
    own.mark.write_text(json.dumps({"wanted": own.wanted}) + "\n", encoding="utf-8")
    return own


def remove_environment(card: Card) -> bool:
    """Delete the environment of this specialist; False when there was none."""
    folder = environment_of(card).folder
    if not folder.is_dir():
        return False
    if folder.is_symlink() or folder.resolve().parent != environments_root().resolve():
        raise UsageError(f"{str(folder)!r} is a link to elsewhere: remove it yourself")
    shutil.rmtree(folder)
    return True


def sources(card: Card, extras: Sequence[str]) -> list[str]:
    """What pip installs so that this distribution and the one that ships the card are there as they are here."""
    package = card.meta.entry.partition(":")[0].partition(".")[0]
    given = [entry.dist for entry in entry_points(group="autorater.specialists") if entry.value == package]
    others = {one.name: one for one in given if one is not None and one.name != OURS}
    wanted = [source_of(distribution(OURS), extras), *(source_of(one, ()) for one in others.values())]
    return [part for parts in wanted for part in parts]


def source_of(told: Distribution, extras: Sequence[str]) -> list[str]:
    """The arguments of pip that install this distribution from where it was installed from."""
    inside = f"[{','.join(extras)}]" if extras else ""
    direct: dict[str, Any] = json.loads(told.read_text("direct_url.json") or "{}")
    url = str(direct.get("url", ""))
    if "vcs_info" in direct:
        vcs = direct["vcs_info"]
        return [f"{told.name}{inside} @ {vcs['vcs']}+{url}@{vcs['commit_id']}"]
    if url.startswith("file:"):
        path = Path(url2pathname(unquote(urlsplit(url).path)))
        if path.exists():
            editable = direct.get("dir_info", {}).get("editable", False)
            return [*(["-e"] if editable else []), f"{path}{inside}"]
    elif "archive_info" in direct:
        return [f"{told.name}{inside} @ {url}"]
    return [f"{told.name}{inside}=={told.version}"]
