"""A specialist's own virtual environment: where it lies, whether it is whole, and what an interpreter lacks.

`AUTORATER_ENVIRONMENTS`, or the folder `environments` of the user's data folder, holds one for each specialist.
`autorater tools env` makes them.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from autorater.canonical import digest_of
from autorater.card import Card

SERVER = ("starlette", "uvicorn")
"""The modules that a worker needs besides its specialist's; the extra `workers` brings them."""
_ASK = """
import json, sys
from importlib.util import find_spec
print(json.dumps([name for name in json.load(sys.stdin) if find_spec(name) is None]))
"""


@dataclass(frozen=True, slots=True)
class OwnEnvironment:
    """The environment of one specialist, there or not."""

    name: str
    folder: Path
    wanted: str
    """The sha256 of what its card asks for."""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def mark(self) -> Path:
        """The file that is written when everything is installed."""
        return self.folder / "autorater.json"

    @property
    def installed(self) -> Path:
        """What pip says is installed in it."""
        return self.folder / "installed.txt"

    def wrong(self) -> str:
        """Why it cannot be used, and what to do; "" when it can."""
        try:
            made = json.loads(self.mark.read_text(encoding="utf-8"))["wanted"]
        except (OSError, ValueError, KeyError, TypeError):
            return f"its environment: run `autorater tools env {self.name}`"
        if made != self.wanted:
            return f"its environment is not what its card asks for now: run `autorater tools env {self.name}`"
        return "" if self.python.is_file() else f"its environment is damaged: run `autorater tools env {self.name}`"


def environments_root() -> Path:
    """The folder that holds all environments."""
    given = os.environ.get("AUTORATER_ENVIRONMENTS")
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("autorater")) / "environments"


def environment_of(card: Card) -> OwnEnvironment:
    """The environment of this specialist, there or not."""
    wanted = digest_of({"requirements": requirements(card), "version": version("autorater-vision")})
    return OwnEnvironment(card.name, environments_root() / card.name, wanted)


def requirements(card: Card) -> dict[str, list[str]]:
    """What pip installs for this specialist: extras of this distribution, packages, packages without dependencies."""
    if card.meta.environment is None:
        return {"extras": ["workers", card.meta.extra], "packages": [], "without_dependencies": []}
    return {
        "extras": ["workers"],
        "packages": list(card.meta.environment.requirements),
        "without_dependencies": list(card.meta.environment.without_dependencies),
    }


def server_missing() -> list[str]:
    """The modules of the server that are not installed here."""
    return [name for name in SERVER if find_spec(name) is None]


def missing_modules(card: Card, python: Path | None) -> list[str]:
    """The modules that a worker of this interpreter (None: of this one) would lack. Imports none of them."""
    names = [*card.meta.imports, "autorater", *SERVER]
    if python is None:
        return [name for name in names if find_spec(name) is None]
    try:
        asked = subprocess.run(
            [str(python), "-P", "-c", _ASK], input=json.dumps(names), capture_output=True, text=True, timeout=60
        )
        return list(json.loads(asked.stdout))
    except OSError as error:
        return [f"an interpreter at {python} ({error.strerror})"]
    except (ValueError, subprocess.TimeoutExpired):
        return [f"a Python of at least 3.11 at {python}"]
