"""A limit on money, checked before every paid call."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from autorater.errors import BudgetExceeded, UsageError

_ENOUGH = 20
"""So many answers tell what one costs."""
_MARGIN = 1.25


@dataclass(slots=True, eq=False)
class _Turn:
    """Who waits for money to be set aside, until `comes`; `amount` is what was."""

    bound: float
    kind: str
    comes: "asyncio.Future[None]"
    amount: float | None = None


@dataclass(slots=True)
class Budget:
    """`limit` and `spent` in US dollars; no limit when None. Calls in flight when it is reached are still recorded."""

    limit: float | None = None
    spent: float = 0.0
    _held: float = 0.0
    _paid: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    """Kind of call → how many of it were paid here, and how much for all of them."""
    _turns: deque[_Turn] = field(default_factory=deque[_Turn])
    """Who waits in `hold`, in order."""

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

    def pay(self, cost: float | None, kind: str = "") -> None:
        """Count what a finished call cost; an unknown cost cannot be counted and is refused earlier.

        What costs nothing (no answer came) tells nothing of what an answer costs.
        """
        self.spent += cost or 0.0
        if cost:
            count, sum = self._paid.get(kind, (0, 0.0))
            self._paid[kind] = (count + 1, sum + cost)

    @asynccontextmanager
    async def hold(self, bound: float, kind: str = "") -> AsyncGenerator[None]:
        """Set money aside for a call whose cost comes much later; waits while other calls hold what is left.

        `bound` is the most that the call can cost, in US dollars. Once enough answers of its kind are paid, their mean
        with a margin is set aside instead. One call is always let through, so that work goes on until the limit is
        reached.

        Raises:
            BudgetExceeded: the limit is reached.

        """
        self.check()
        turn = _Turn(bound, kind, asyncio.get_running_loop().create_future())
        self._turns.append(turn)
        self._pass_on()
        try:
            if turn.amount is None:
                await turn.comes
                self.check()
            yield
        finally:
            self._held = max(0.0, self._held - (turn.amount or 0.0))
            if turn in self._turns:
                self._turns.remove(turn)
            self._pass_on()

    def _pass_on(self) -> None:
        """Let in who is next, with what is left; who waits in another loop is told there."""
        while self._turns:
            turn = self._turns[0]
            loop, over = turn.comes.get_loop(), self.limit is not None and self.spent >= self.limit
            gone = turn.comes.done() or loop.is_closed()
            amount = self._expected(turn.bound, turn.kind)
            if not (gone or over or self._fits(amount)):
                return
            self._turns.popleft()
            if gone:
                continue
            if not over:
                turn.amount = amount
                self._held += amount
            loop.call_soon_threadsafe(_tell, turn.comes)

    def _fits(self, amount: float) -> bool:
        return self.limit is None or not self._held or self.spent + self._held + amount <= self.limit

    def _expected(self, bound: float, kind: str) -> float:
        count, sum = self._paid.get(kind, (0, 0.0))
        return min(bound, _MARGIN * sum / count) if count >= _ENOUGH else bound


def _tell(comes: "asyncio.Future[None]") -> None:
    if not comes.done():
        comes.set_result(None)
