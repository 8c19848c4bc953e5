"""A limit on money, checked before every paid call."""

from dataclasses import dataclass

from autorater.errors import BudgetExceeded, UsageError


@dataclass(slots=True)
class Budget:
    """`limit` and `spent` in US dollars; no limit when None. Calls in flight when it is reached are still recorded."""

    limit: float | None = None
    spent: float = 0.0

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
