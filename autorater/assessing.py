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

    The rival of a candidate is the other one of a pair. `toolbox` is None in a replay.
    """

    async def one(card: Card, letter: str, view: View) -> Assessment:
        found = await ledger.assess(card, narrow(card, view), settings=settings, toolbox=toolbox)
        return Assessment(specialist=card.name, candidate=letter, outcome=found.outcome, provenance=found.provenance)

    named = request.named()
    pair = request.candidates if len(request.candidates) == 2 else (None, None)
    rivals = dict(zip("ab", reversed(pair), strict=True))
    views = {
        letter: View(image=picture, prompt=request.prompt, sources=request.sources, rival=rivals.get(letter))
        for letter, picture in named.items()
    }
    jobs = [one(cards[name], letter, view) for name in names for letter, view in views.items()]
    return tuple(await asyncio.gather(*jobs)) if jobs else ()
