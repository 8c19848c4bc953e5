"""What people said of an item, as the label of an example and as the words that a teacher is told."""

from collections.abc import Sequence

from autorater.errors import UsageError
from autorater_evals.benchmark import Dimension, Part
from autorater_evals.distillation.plan import Plan
from autorater_evals.item import Item
from autorater_evals.trainset import Label
from autorater_evals.trainset.example import SCALE

Scale = tuple[float, float]


def label_of(
    item: Item, part: Part, *, dimension: str, scale: Scale | None, plan: Plan
) -> tuple[str, Label, tuple[float, ...]] | None:
    """(dimension, label, the label's numbers), or None where people said nothing in that dimension.

    `dimension` "" is the first of the part that the item has. Raises UsageError when a scale is needed and not known.
    """
    if item.questions is not None:
        return ("", Label(answers=item.answers), ()) if item.answers else None
    told = item.preferences or item.opinions
    names = [dimension] if dimension else [one.name for one in part.dimensions if one.name in told] or list(told)
    name = next((name for name in names if name in told), None)
    if name is None:
        return None
    if item.preferences:
        preference = item.preferences[name]
        close = preference.gap is not None and abs(preference.gap) <= plan.tie_gap
        preferred = "tie" if close else preference.preferred
        numbers = () if preference.gap is None else (abs(preference.gap),)
        return name, Label(preferred=preferred, gap=preference.gap), numbers
    known = {one.name: one for one in part.dimensions}.get(name)
    mean = item.opinions[name].mean
    score = to_likert(mean, _ends(item, name, known, scale), better=known.better if known else "higher")
    return name, Label(score=score), (mean, score)


def _ends(item: Item, name: str, known: Dimension | None, scale: Scale | None) -> Scale:
    if scale is not None:
        ends = scale
    elif known is not None and known.low is not None and known.high is not None:
        ends = (known.low, known.high)
    else:
        raise UsageError(f"the scale of {name!r} is not known: give its ends, worst first, as in --scale 1,5")
    if not min(ends) <= item.opinions[name].mean <= max(ends):
        raise UsageError(
            f"{item.id}: {name} is {item.opinions[name].mean:g}, outside of its scale from {ends[0]:g} to {ends[1]:g}: "
            "give its ends with --scale"
        )
    return ends


def to_likert(mean: float, ends: Scale, *, better: str = "higher") -> float:
    """An opinion on the scale `ends`, linearly on 1 to 10, higher is better; rounded to four digits."""
    low, high = ends
    share = (mean - low) / (high - low)
    share = 1 - share if better == "lower" else share
    return round(SCALE[0] + share * (SCALE[1] - SCALE[0]), 4)


def words(label: Label, order: Sequence[int]) -> str:
    """The label as a teacher reads it, in the names under which the images are shown."""
    if label.preferred == "tie":
        return "Tie: neither image is better than the other."
    if label.preferred is not None:
        return f"Image {list(order).index('ab'.index(label.preferred)) + 1} is the better one."
    if label.score is not None:
        return f"The score of Image 1 is {label.score:.1f} of 10."
    return "\n".join(f"{question}: {answer}" for question, answer in label.answers.items())
