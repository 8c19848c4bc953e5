"""Run the chosen specialists on a request's candidates, through the ledger."""

import asyncio
from collections.abc import Mapping, Sequence

from autorater.assessment import Assessment
from autorater.card import Card
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

    The rival of a candidate is the other one of a pair, the first other one of more. `toolbox` is None in a replay.
    """

    async def one(card: Card, letter: str, view: View) -> Assessment:
        found = await ledger.assess(card, narrow(card, view), settings=settings, toolbox=toolbox)
        return Assessment(specialist=card.name, candidate=letter, outcome=found.outcome, provenance=found.provenance)

    named = request.named()
    rivals = {letter: next((other for key, other in named.items() if key != letter), None) for letter in named}
    views = {
        letter: View(image=picture, prompt=request.prompt, sources=request.sources, rival=rivals[letter])
        for letter, picture in named.items()
    }
    jobs = [one(cards[name], letter, view) for name in names for letter, view in views.items()]
    return tuple(await asyncio.gather(*jobs)) if jobs else ()
