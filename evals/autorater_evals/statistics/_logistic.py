"""The logistic curves that image quality research maps scores by before Pearson's correlation."""

import warnings
from importlib import import_module
from typing import Any, Literal

import numpy as np

from autorater_evals.statistics.resampling import Array


def fit_logistic(scores: Array, people: Array, *, parameters: Literal[4, 5]) -> Array | None:
    """`scores` (items,) mapped by the curve that is nearest to `people` (items,) in squares; None where none fits.

    Four parameters (VQEG, 2000): b2 + (b1 - b2) / (1 + exp(-(x - b3) / b4)); start b1 and b2 the largest and smallest
    of `people`, b3 the mean and b4 a quarter of the standard deviation of `scores`. Five (Sheikh, Sabir and Bovik,
    2006): b1 (1/2 - 1 / (1 + exp(b2 (x - b3)))) + b4 x + b5; start b1 the range of `people`, b2 one over the standard
    deviation, b3 the mean, b4 = 0, b5 the mean of `people`. Both start downwards where scores and people run against
    each other. Both sides are standardised first, which the curves absorb, and the mapped scores stay on that scale.
    Deterministic; needs more items than parameters.
    """
    optimize: Any = import_module("scipy.optimize")
    expit: Any = import_module("scipy.special").expit
    if len(scores) <= parameters or np.ptp(scores) == 0 or np.ptp(people) == 0:
        return None
    x, y = (scores - scores.mean()) / scores.std(), (people - people.mean()) / people.std()
    way = -1.0 if x @ y < 0 else 1.0

    def four(x: Array, b1: float, b2: float, b3: float, b4: float) -> Array:
        return b2 + (b1 - b2) * expit((x - b3) / b4)

    def five(x: Array, b1: float, b2: float, b3: float, b4: float, b5: float) -> Array:
        return b1 * (expit(b2 * (x - b3)) - 0.5) + b4 * x + b5

    low, high = float(y.min()), float(y.max())
    curve: Any = four if parameters == 4 else five
    start = [high, low, 0.0, way / 4] if parameters == 4 else [high - low, way, 0.0, 0.0, 0.0]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # that the parameters' covariance is not known does not matter here
            found = optimize.curve_fit(curve, x, y, p0=start, maxfev=20_000)[0]
            mapped = np.asarray(curve(x, *found), dtype=np.float64)
    except (RuntimeError, ValueError):
        return None
    return mapped if np.isfinite(mapped).all() and np.ptp(mapped) > 0 else None
