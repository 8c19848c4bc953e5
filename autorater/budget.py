"""A limit on money, checked before every paid call."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from autorater.errors import BudgetExceeded, UsageError

_ENOUGH = 20
"""So many answers tell what one costs."""
_MARGIN = 1.25


@dataclass(slots=True)
class Budget:
    """`limit` and `spent` in US dollars; no limit when None. Calls in flight when it is reached are still recorded."""

    limit: float | None = None
    spent: float = 0.0
    _held: float = 0.0
    _paid: list[float] = field(default_factory=lambda: [0, 0.0])
    """How many answers were paid here, and how much for all of them."""
    _turns: "list[asyncio.Future[None]]" = field(default_factory=list["asyncio.Future[None]"])

    def __post_init__(self) -> None:
        if self.limit is not None and not self.limit >= 0:  # so written that NaN fails too
            raise UsageError(f"a limit on money is an amount of US dollars from 0 up, got {self.limit} (--max-cost)")

    def check(self) -> None:
        """Raise BudgetExceeded once the limit is reached."""
        if self.limit is not None and self.spent >= self.limit:
            raise BudgetExceeded(
                f"the limit of ${self.limit:g} is reached (${self.spent:.4f} spent); what is done is kept: "
                "raise --max-cost and run the same command again to resume"
            )

    def pay(self, cost: float | None) -> None:
        """Count what a finished call cost; an unknown cost cannot be counted and is refused earlier."""
        self.spent += cost or 0.0
        self._paid = [self._paid[0] + 1, self._paid[1] + (cost or 0.0)]

    @asynccontextmanager
    async def hold(self, bound: float) -> AsyncGenerator[None]:
        """Set money aside for a call whose cost comes much later; waits while other calls hold what is left.

        `bound` is the most that the call can cost, in US dollars. Once enough answers are paid, their mean with a
        margin is set aside instead. One call is always let through, so that work goes on until the limit is reached.

        Raises:
            BudgetExceeded: the limit is reached.

        """
        self.check()
        while self.limit is not None and self._held and self.spent + self._held + self._expected(bound) > self.limit:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            await turn
            self.check()
        amount = self._expected(bound)
        self._held += amount
        try:
            yield
        finally:
            self._held = max(0.0, self._held - amount)
            turns, self._turns = self._turns, []
            for turn in turns:
                if not turn.done():
                    turn.set_result(None)

    def _expected(self, bound: float) -> float:
        count, sum = self._paid
        return min(bound, _MARGIN * sum / count) if count >= _ENOUGH else bound
