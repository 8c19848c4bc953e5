"""Whether rationales written with the label in view can be told from those written without it.

Bag of words (how often each word stands there), logistic regression, cross-validated by cluster; the area under the ROC
curve of the held-out probabilities. 0.5 means that nothing gives the label away; above 0.6 a set fails (methodology,
part 4.4).
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from autorater_evals.figure import Figure
from autorater_evals.statistics.resampling import bootstrap_items, cluster_numbers, few, percentile_interval

MOST = 0.6
FOLDS, LEAST, DRAWS = 5, 20, 1000
"""Fewer than LEAST rationales of each kind, or than two clusters, tell nothing."""


def tell_apart(anchored: Sequence[str], free: Sequence[str], clusters: Sequence[str]) -> Figure:
    """The area under the curve, 0 to 1, 0.5 is best; `clusters` of the anchored ones, then of the free ones."""
    total = len(anchored) + len(free)
    places, count = cluster_numbers(clusters, n=total)
    if min(len(anchored), len(free)) < LEAST or count < 2:
        why = f"needs {LEAST} rationales of each kind in two clusters, got {len(anchored)} and {len(free)} in {count}"
        return Figure(measure="leakage_auc", value=None, n=total, total=total, note=why)
    truth = np.array([1] * len(anchored) + [0] * len(free))
    chances = _held_out([*anchored, *free], truth, places, folds=min(FOLDS, count))
    drawn = bootstrap_items(places, count, lambda chosen: _area(truth[chosen], chances[chosen]), draws=DRAWS)
    return Figure(
        measure="leakage_auc",
        value=_area(truth, chances),
        n=total,
        total=total,
        interval=percentile_interval(drawn, count=count, held="the fitted words"),
        note=few(count),
    )


def _held_out(texts: Sequence[str], truth: Any, places: Any, *, folds: int) -> Any:
    """Each text's chance of being anchored, by a model that saw no text of its cluster."""
    words: Any = import_module("sklearn.feature_extraction.text")
    linear: Any = import_module("sklearn.linear_model")
    selection: Any = import_module("sklearn.model_selection")
    joined: Any = import_module("sklearn.pipeline")

    pipeline = joined.make_pipeline(
        words.CountVectorizer(token_pattern=r"(?u)\b\w+\b"), linear.LogisticRegression(max_iter=2000, random_state=0)
    )
    chances = np.full(len(texts), 0.5)
    told = np.array(texts, dtype=object)
    for seen, unseen in selection.GroupKFold(n_splits=folds).split(told, truth, groups=places):
        if len(set(truth[seen].tolist())) == 2:
            pipeline.fit(told[seen], truth[seen])
            chances[unseen] = pipeline.predict_proba(told[unseen])[:, 1]
    return chances


def _area(truth: Any, chances: Any) -> float:
    """The chance that an anchored text is held likelier than a free one, ties half (Mann and Whitney, 1947)."""
    statistics: Any = import_module("scipy.stats")
    ones = int(truth.sum())
    zeros = len(truth) - ones
    if not ones or not zeros:
        return float("nan")
    ranks = statistics.rankdata(chances)
    return float((ranks[truth == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))
