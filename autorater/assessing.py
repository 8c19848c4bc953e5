"""Run the chosen specialists on a request's candidates, through the ledger."""

import asyncio
from collections.abc import Mapping, Sequence

from autorater.assessment import Assessment
from autorater.card import Card
from autorater.events import Assessed
from autorater.ledger import Ledger
from autorater.request import Request
from autorater.toolbox import Toolbox, View, narrow


async def assess(
    request: Request,
    names: Sequence[str],
    cards: Mapping[str, Card],
    *,
    ledger: Ledger,
    settings: str,
    toolbox: Toolbox | None,
) -> tuple[Assessment, ...]:
    """One assessment per specialist and candidate, in the order of `names`, then of the candidates.

    `toolbox` is None in a replay.
    """

    async def one(card: Card, letter: str) -> Assessment:
        found = await look(request, card, letter, ledger=ledger, settings=settings, toolbox=toolbox)
        return assessment_of(found, card, letter)

    jobs = [one(cards[name], letter) for name in names for letter in request.named()]
    return tuple(await asyncio.gather(*jobs)) if jobs else ()


async def look(
    request: Request,
    card: Card,
    letter: str,
    *,
    look_for: str = "",
    ledger: Ledger,
    settings: str,
    toolbox: Toolbox | None,
) -> Assessed:
    """One specialist's look at one candidate. `look_for` stands in the place of the prompt when it is given.

    The rival of a candidate is the other one of a pair.
    """
    named = request.named()
    others = [picture for name, picture in named.items() if name != letter]
    view = View(
        image=named[letter],
        prompt=look_for or request.prompt,
        sources=request.sources,
        rival=others[0] if len(others) == 1 else None,
    )
    return await ledger.assess(card, narrow(card, view), settings=settings, toolbox=toolbox)


def assessment_of(found: Assessed, card: Card, letter: str, *, look_for: str = "") -> Assessment:
    """What is said of a candidate by a call of a specialist."""
    return Assessment(
        specialist=card.name,
        candidate=letter,
        look_for=look_for,
        outcome=found.outcome,
        provenance=found.provenance,
    )
