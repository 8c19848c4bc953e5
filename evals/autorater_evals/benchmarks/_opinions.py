"""What the loaders of ratings share: opinions from raters' ratings, and where images lie by convention."""

from collections.abc import Mapping
from statistics import fmean, stdev

from autorater_evals.item import Opinion


def opinion_of(ratings: Mapping[str, float | None]) -> Opinion | None:
    """The mean of the ratings that were given; None when every rater called the dimension not relevant.

    The deviation is the sample's (n - 1), and null of fewer than two ratings.
    """
    given = [rating for rating in ratings.values() if rating is not None]
    if not given:
        return None
    deviation = stdev(given) if len(given) > 1 else None
    return Opinion(mean=fmean(given), deviation=deviation, ratings=dict(ratings))
