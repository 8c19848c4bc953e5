"""GenAI-Bench's accuracy over four labels (arXiv 2406.04485), to the letter of its published scoring."""

from collections.abc import Sequence

import numpy as np

from autorater.errors import UsageError
from autorater_evals.counting import many
from autorater_evals.figure import Figure
from autorater_evals.statistics.missing import mean_figure
from autorater_evals.statistics.resampling import Clusters

RIGHT: dict[str, frozenset[str]] = {
    "leftvote": frozenset({"[[A>B]]", "[[A>>B]]"}),
    "rightvote": frozenset({"[[B>A]]", "[[B>>A]]"}),
    "tievote": frozenset({"[[A=B=Good]]", "[[A=B]]"}),
    "bothbad_vote": frozenset({"[[A=B=Bad]]", "[[A=B]]"}),
}
"""The verdicts that are right for each vote (TIGER-AI-Lab/GenAI-Bench at f0b0334)."""
_VERDICTS = frozenset(verdict for right in RIGHT.values() for verdict in right)


def four_label_accuracy(
    votes: Sequence[str],
    verdicts: Sequence[str | None],
    *,
    unmatched_is_wrong: bool = True,
    clusters: Clusters = None,
    unit: str = "clusters",
) -> Figure:
    """The share of pairs whose verdict is the vote, 0 to 1.

    An answer without a verdict, or with one that is none of the known, is wrong as in the published tables; else, with
    `unmatched_is_wrong` false, it is missing.

    Raises:
        UsageError: A vote that is none of the four, or lengths that differ.

    """
    if len(votes) != len(verdicts):
        raise UsageError(f"expected a verdict or None for each of {len(votes)} votes, got {len(verdicts)}")
    for place, vote in enumerate(votes):
        if vote not in RIGHT:
            raise UsageError(f"expected one of {', '.join(RIGHT)} as vote {place} (counted from 0), got {vote!r}")
    matched = np.array([verdict in _VERDICTS for verdict in verdicts], np.bool_)
    right = np.array([verdict in RIGHT[vote] for vote, verdict in zip(votes, verdicts, strict=True)], np.float64)
    lost = int((~matched).sum())
    meaning = "counted as wrong" if unmatched_is_wrong else "counted as missing"
    return mean_figure(
        right if unmatched_is_wrong else np.where(matched, right, np.nan),
        measure="accuracy_four_labels",
        clusters=clusters,
        unit=unit,
        note=f"{many(lost, 'answer')} without a known verdict {meaning}" if lost else "",
    )
