"""Weights that installed packages ship: found without importing them, checked against the card before loading."""

from functools import lru_cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from autorater.card import Card, Weights, read_card
from autorater.errors import MissingExtraError, SpecialistError
from autorater.manifest import sha256_of

AGAIN = "fetch it again with `autorater tools pull`, and --repin where nobody publishes its sha256"
"""What to do about a file that cannot be read: the store has checked that it is the one that came, or the card's."""
known_sha256 = lru_cache(sha256_of)
"""The sha256 of a file, read once in a process: for what nobody changes while it runs."""


@lru_cache
def own_card(name: str) -> Card:
    """The card `<name>.md` of this package."""
    text = (resources.files("autorater_tools") / f"{name}.md").read_text(encoding="utf-8")
    return read_card(text, name=f"{name}.md")


def weights_path(card: Card, ending: str) -> Path:
    """The path of the one weights file on `card` whose name ends with `ending`.

    Raises:
        MissingExtraError: the package that ships it is not installed.
        SpecialistError: the file is absent, or its sha256 is not that of the card.

    """
    found = [weights for weights in card.meta.weights if weights.file.endswith(ending)]
    if len(found) != 1:
        raise SpecialistError(f"expected one weights file that ends with {ending!r} on the card, found {len(found)}")
    path = _locate(found[0], card.meta.extra)
    actual = known_sha256(path)
    if actual != found[0].sha256:
        raise SpecialistError(
            f"{path.name} of {found[0].package} has sha256 {actual[:12]}…, the card of {card.name} says "
            f"{str(found[0].sha256)[:12]}…: reinstall the package, or use the version that the extra names"
        )
    return path


def _locate(weights: Weights, extra: str) -> Path:
    """`weights.file` beside the top-level module that its first part names; the module is not imported."""
    module = weights.file.partition("/")[0]
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(f"{weights.file} of {weights.package}", extra=extra)
    path = Path(spec.submodule_search_locations[0]).parent / weights.file
    if not path.is_file():
        raise SpecialistError(f"{weights.package} is installed without {weights.file}: reinstall it")
    return path
