"""What a grid found, as it is written: every subset, the choice and what it is worth, and each specialist's effect."""

from autorater.canonical import Record
from autorater_evals.figure import Figure
from autorater_evals.grid.planning import Plan
from autorater_evals.statistics.comparing import Difference


class Tried(Record):
    """One subset of specialists and its figures on the prompts that choose, on those that report, and on all."""

    specialists: tuple[str, ...]
    folder: str
    """Its run log, within the grid's folder."""
    chooses: Figure
    reports: Figure
    whole: Figure
    outcomes: dict[str, int]
    """Outcome → items."""
    calls: int
    """Recorded calls of models."""
    cost: float | None
    """US dollars; null when a price is unknown."""
    seconds: float
    """CPU seconds of its specialists for one image, by their cards."""
    eligible: bool
    """Whether it has results for nearly as many units as the best, so that it may be chosen."""


class Splits(Record):
    """The same choice over many random splits by prompt, which cost nothing as all is recorded.

    A gain is what the chosen subset has beyond `beyond`, in the measure's unit.
    """

    number: int
    beyond: str
    gain_chooses: float | None
    """Mean gain on the prompts that chose it."""
    gain_reports: float | None
    """Mean gain on the others: what can be expected of a choice of this kind."""
    low: float | None
    """2.5 % and 97.5 % of the gains on the others. The splits share their items, so that this is no 95 % interval."""
    high: float | None
    chosen: dict[str, int]
    """Subset → in how many splits it was chosen, the most frequent first (ten at most)."""


class Choice(Record):
    """The subset that was chosen on one part of the prompts, and what it is worth on the other."""

    specialists: tuple[str, ...]
    chooses: Figure
    reports: Figure
    optimism: float | None
    """Its figure on the prompts that chose it minus that on the others."""
    gain_optimism: float | None
    """The same of its gain over no specialists, which takes out that one half may be easier."""
    over_none: Difference | None
    """On the prompts that report, the choice minus no specialists."""
    permutation_p: float | None
    """Two-sided p of that difference when the two are exchanged within whole prompts; null for correlations."""
    over_all: Difference | None
    """On the prompts that report, the choice minus all specialists."""
    best: tuple[str, ...]
    """The best over all items, as a search without a split would give it."""
    best_whole: Figure
    note: str
    """What may be concluded, in a sentence or two."""


class Effect(Record):
    """What adding one specialist to a subset does, averaged over all subsets with and without it."""

    specialist: str
    pairs: int
    """Pairs of subsets, with and without it, that were compared."""
    change: Difference
    """The mean paired change, averaged first within each size of the subset, then over the sizes."""
    better: float
    """Units that became right (correlations: came nearer to people) by adding it, a pair of subsets, mean."""
    worse: float
    """Units that became wrong (correlations: went away from people), a pair of subsets, mean."""
    helped: tuple[str, ...]
    """The units that most often became better, at most five."""
    hurt: tuple[str, ...]
    """The units that most often became worse, at most five."""


class GridResult(Record):
    """All that a grid found."""

    benchmark: str
    title: str
    part: str
    dimension: str
    measure: str
    judge: str
    pool: tuple[str, ...]
    max_size: int
    units: int
    prompts: int
    choosing_prompts: int
    choosing_units: int
    plan: Plan
    tried: tuple[Tried, ...]
    choice: Choice | None
    """Null when no subset has a figure."""
    splits: Splits | None
    effects: tuple[Effect, ...]
    unusable: int
    """Items whose images could not be read."""
    stopped: str = ""
    """Why the grid is not whole."""
    notes: tuple[str, ...] = ()
