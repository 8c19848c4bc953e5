"""The checklist that a row asks: the request's own, or the one that stands in the text."""

import re
from collections.abc import Iterator

from autorater.checklist import Checklist, Item, default_checklist
from autorater_evals.exports.shown import Pieces

_HEADING = "Checklist:\n"
_LINE = re.compile(r"- ([a-z][a-z0-9_]*): (.+)")
_FENCE = re.compile(r"<<<question ([0-9a-f]+)")
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
    for name, text in _told(after.split("\n")):
        items.append(_item(name, text, {item.id for item in items}))
    return Checklist(name="asked", items=tuple(items)) if items else None


def _told(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Name and text of each question in the list; a request's own stands between the marks of a fence."""
    rest = iter(lines)
    while found := _LINE.fullmatch(next(rest, "")):
        name, text = found[1], found[2]
        if begun := _FENCE.fullmatch(text):
            text, end = next(rest, ""), next(rest, "")
            text += end.removeprefix(f"question {begun[1]}>>>")
        yield name, text


def _item(name: str, text: str, known: set[str]) -> Item:
    """A question with its parents. Words that look like parents but name no question belong to the question."""
    found = _PARENTS.fullmatch(text)
    parents = tuple(found[2].split(" and ")) if found else ()
    if found and set(parents) <= known:
        return Item(id=name, text=found[1], depends_on=parents)
    return Item(id=name, text=text)
