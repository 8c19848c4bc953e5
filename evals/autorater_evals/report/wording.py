"""Numbers and names as a reader of the report sees them."""

import re
from typing import Any

from autorater_evals.evaluation import Evaluation
from autorater_evals.figure import Figure

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_DIRECTIONS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_SHARES = ("accuracy", "first_rate", "consistency", "coverage", "match", "rate", "share", "agreement", "concordance")
"""Measures whose names hold one of these are shares, shown in percent as paper 001 does."""


def printable(value: Any) -> Any:
    """A JSON value with the characters that no page may hold (control characters, lone surrogates) as U+FFFD."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [printable(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def plain_line(text: object) -> str:
    """A text of others in one line of a plot or of Markdown: nothing in it can turn the direction of what follows."""
    return _DIRECTIONS.sub("\ufffd", " ".join(str(printable(str(text))).split()))


def is_share(measure: str) -> bool:
    """Whether a measure is told in percent."""
    return any(name in measure for name in _SHARES)


def number(value: float | None, measure: str) -> str:
    """A value of `measure`: "64.4" (percent) for shares, "0.723" for coefficients, "–" where there is none."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if is_share(measure) else f"{value:.3f}"


def interval_text(figure: Figure) -> str:
    """The 95 % interval as "60.1 to 68.7", or ""."""
    found = figure.interval
    return f"{number(found.low, figure.measure)} to {number(found.high, figure.measure)}" if found else ""


def counted(figure: Figure) -> str:
    """What the figure stands on: "n 440 of 444"."""
    return f"n {figure.n:,}" + (f" of {figure.total:,}" if figure.total != figure.n else "")


def measure_words(measure: str) -> str:
    """A measure's name as a reader sees it, with its unit."""
    return measure.replace("_", " ") + (" (%)" if is_share(measure) else "")


def cost_text(cost: float | None) -> str:
    """US dollars; None is "unknown", never 0."""
    if cost is None:
        return "unknown"
    return "$0" if cost == 0 else "under $0.01" if cost < 0.01 else f"${cost:,.2f}"


def outcomes_text(evaluation: Evaluation) -> str:
    """How many items had which outcome."""
    return ", ".join(f"{name} {count:,}" for name, count in evaluation.profile.outcomes.items() if count)
