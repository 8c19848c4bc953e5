"""The checklist that a row asks: the request's own, or the one that stands in the text."""

import re

from autorater.checklist import Checklist, Item, default_checklist
from autorater_evals.exports.shown import Pieces

_HEADING = "Checklist:\n"
_LINE = re.compile(r"- ([a-z][a-z0-9_]*): (.+)")
_PARENTS = re.compile(r"(.+) \(only if ([a-z0-9_]+(?: and [a-z0-9_]+)*) is yes\)")


def checklist_of(own: Checklist | None, pieces: Pieces, *, edit: bool) -> Checklist:
    """`own`, else the list in the text, else the default (of `autorater-paper`, whose answers hold no checklist)."""
    return own or asked_in(pieces) or default_checklist(edit=edit)


def asked_in(pieces: Pieces) -> Checklist | None:
    """The last list under "Checklist:" in the text, the judge's own: what comes from outside stands before it."""
    last = pieces[-1] if pieces and pieces[-1] is not None else ""
    before, heading, after = last.rpartition(_HEADING)
    if not heading or (before and not before.endswith("\n")):
        return None
    items: list[Item] = []
    for line in after.splitlines():
        found = _LINE.fullmatch(line)
        if not found:
            break
        items.append(_item(found[1], found[2], {item.id for item in items}))
    return Checklist(name="asked", items=tuple(items)) if items else None


def _item(name: str, text: str, known: set[str]) -> Item:
    """A question with its parents. Words that look like parents but name no question belong to the question."""
    found = _PARENTS.fullmatch(text)
    parents = tuple(found[2].split(" and ")) if found else ()
    if found and set(parents) <= known:
        return Item(id=name, text=found[1], depends_on=parents)
    return Item(id=name, text=text)
