"""Cards: the Markdown file beside each specialist, read by people, by the VLM and by the toolbox."""

from importlib import resources
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from autorater.assessment import Quantity
from autorater.canonical import Record
from autorater.document import Document, read_document

Need: TypeAlias = Literal["prompt", "source", "rival"]


class Weights(Record):
    """One file of weights that a specialist loads."""

    file: str
    """Its path inside `package`."""
    package: str
    """The distribution that ships it."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str
    bytes: int


class CardMeta(Record):
    """The front matter of a card."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    entry: str = Field(pattern=r"^[\w.]+:\w+$")
    """"module:Class" of the specialist."""
    needs: tuple[Need, ...] = ()
    """What it looks at besides the image. With "source" it is offered for edits only."""
    quantities: tuple[Quantity, ...]
    gives_text: bool = False
    seconds: float
    """CPU seconds for one 512-pixel image on one thread, as measured."""
    extra: str
    """The extra of the distribution that brings its packages."""
    imports: tuple[str, ...] = ()
    """The top-level modules it needs beyond the core's; when one is absent the specialist is not ready."""
    weights: tuple[Weights, ...] = ()
    licence: str
    """SPDX identifier of the code it stands on."""
    commercial: bool
    """Whether code and weights may be used commercially."""
    source: str
    """The paper or repository that its formula or model comes from."""
    errors: str
    """How often it is wrong, as measured, in one sentence."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [quantity.name for quantity in self.quantities]
        if len(set(names)) != len(names):
            raise ValueError("two quantities share a name")
        if not names and not self.gives_text:
            raise ValueError("a specialist gives at least one quantity or text")
        return self


class Card(Record):
    """A card as it was read: `meta`, the body in Markdown, and the sha256 of the file."""

    meta: CardMeta
    body: str
    digest: str

    @property
    def name(self) -> str:
        """The specialist's name."""
        return self.meta.name

    def quantity(self, name: str) -> Quantity:
        """The declared quantity of this name. Raises KeyError when the card declares none."""
        for quantity in self.meta.quantities:
            if quantity.name == name:
                return quantity
        raise KeyError(name)

    def missing(self) -> tuple[str, ...]:
        """The modules that are not installed; empty when the specialist is ready. Imports nothing."""
        return tuple(name for name in self.meta.imports if find_spec(name) is None)


def read_card(text: str, *, name: str) -> Card:
    """Read one card. Raises UsageError when it is malformed."""
    document: Document[CardMeta] = read_document(text, CardMeta, name=name)
    return Card(meta=document.meta, body=document.body, digest=document.digest)


def find_cards() -> dict[str, Card]:
    """The cards of every installed package that the entry-point group `autorater.specialists` names, by name, sorted.

    An entry point names a package; every `.md` file in it with front matter is a card. No specialist is imported.
    """
    cards: dict[str, Card] = {}
    packages = sorted({entry.value for entry in entry_points(group="autorater.specialists")})
    for package in packages:
        for file in sorted(resources.files(package).iterdir(), key=lambda item: item.name):
            if file.name.endswith(".md"):
                card = read_card(file.read_text(encoding="utf-8"), name=file.name)
                cards[card.name] = card
    return dict(sorted(cards.items()))
