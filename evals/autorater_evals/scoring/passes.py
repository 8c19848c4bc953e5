"""What each order of a pair said: for position bias and repeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autorater.judgment import Judgment
from autorater_evals.item import Item, Side


@dataclass(frozen=True, slots=True)
class Orders:
    """Choices of one pair by the order in which it was shown, one for each sample; None without an answer."""

    forward: tuple[Side | None, ...] = ()
    """With a first."""
    reverse: tuple[Side | None, ...] = ()


def read_orders(judgment: Judgment) -> Orders:
    """The passes of a comparison; a judge without orders has neither."""
    by_order: dict[str, list[Side | None]] = {"ab": [], "ba": []}
    for one in sorted(judgment.passes, key=lambda one: one.sample):
        if one.order in by_order:
            by_order[one.order].append(one.verdict.preference if one.verdict else None)
    return Orders(tuple(by_order["ab"]), tuple(by_order["ba"]))


def first_choices(items: Sequence[Item], orders: Mapping[str, Orders]) -> tuple[list[Side | None], list[Side | None]]:
    """The first sample of both orders for every item; None where an order was not asked or not answered."""
    found = [orders.get(item.id, Orders()) for item in items]
    return [one.forward[0] if one.forward else None for one in found], [
        one.reverse[0] if one.reverse else None for one in found
    ]


def repeats(items: Sequence[Item], orders: Mapping[str, Orders]) -> list[list[Side | None]]:
    """Each item's samples in the first order that was asked; nothing when no item was asked more than once."""
    found = [list(one.forward or one.reverse) for one in (orders.get(item.id, Orders()) for item in items)]
    return found if max(map(len, found), default=0) > 1 else []
