"""The weights store: where the weights lie that no package ships, and whether they are whole.

One folder for each specialist under the root: `AUTORATER_WEIGHTS`, or the user's data folder. Nothing is
downloaded here and nothing is searched elsewhere: `autorater tools pull` fills it.
"""

import os
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path

import platformdirs

from autorater.card import Card, Value, Weights
from autorater.errors import SpecialistError


def store_root() -> Path:
    """The folder that holds all weights: the environment variable AUTORATER_WEIGHTS, or the user's data folder."""
    given = os.environ.get("AUTORATER_WEIGHTS")
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("autorater")) / "weights"


def folder_of(card: Card) -> Path:
    """The folder of a specialist's weights, there or not."""
    return store_root() / (card.meta.store or card.name)


def wanted(card: Card, options: Mapping[str, Value]) -> list[Weights]:
    """The weights that must be in the store under these options."""
    return [one for one in card.files(options) if not one.package]


def missing_weights(card: Card, options: Mapping[str, Value]) -> list[str]:
    """What is not in the store, by name; looks at names only."""
    folder = folder_of(card)
    return [one.file for one in wanted(card, options) if not _there(folder / one.file)]


def weights_folder(card: Card, options: Mapping[str, Value]) -> Path | None:
    """The folder with the weights of this specialist, checked; None when packages ship all that it needs.

    Raises:
        SpecialistError: a file is missing, or is not the one that the card names.

    """
    files = wanted(card, options)
    if not files:
        return None
    folder = folder_of(card)
    if missing := missing_weights(card, options):
        raise SpecialistError(
            f"the weights of {card.name} are not here ({', '.join(missing)}): run `autorater tools pull {card.name}`"
        )
    for one in files:
        if one.sha256 is not None:
            with (folder / one.file).open("rb") as file:
                actual = file_digest(file, "sha256").hexdigest()
            if actual != one.sha256:
                raise SpecialistError(
                    f"{one.file} of {card.name} has sha256 {actual[:12]}…, its card says {one.sha256[:12]}…: "
                    f"run `autorater tools pull {card.name}` to fetch it again"
                )
    return folder


def _there(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))
