"""What the loaders of pairs share: which image stands first, and votes that come as counts."""

from hashlib import sha256

from autorater_evals.item import Side

_OTHER: dict[Side, Side] = {"a": "b", "b": "a", "tie": "tie"}


def turned(side: Side) -> Side:
    """The same choice when the two images change places."""
    return _OTHER[side]


def changes_places(id: str) -> bool:
    """Whether the images of this pair change places: half of all ids, the same ones always.

    For sets in which the preferred image always stands first: a judge that only likes the first would be right.
    """
    return sha256(id.encode()).digest()[0] % 2 == 1


def numbered_votes(a: int, b: int, tie: int = 0) -> dict[str, Side]:
    """Votes of raters who are not named, numbered within the item: "vote 1" of two items may be two people."""
    sides: tuple[Side, ...] = ("a", "b", "tie")
    spread: list[Side] = [side for side, number in zip(sides, (a, b, tie), strict=True) for _ in range(number)]
    return dict(zip((f"vote {number}" for number in range(1, len(spread) + 1)), spread, strict=True))
