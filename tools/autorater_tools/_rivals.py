"""Specialists that hold the rewards of two candidates of one prompt against each other."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeAlias

from torch import Tensor

from autorater.assessment import Outcome
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater_tools._checkpoints import in_batches
from autorater_tools._clip import batch
from autorater_tools._prompts import need_prompts
from autorater_tools._qwen import too_long

NO_RIVAL = "a rival is needed: this specialist compares two candidates of one prompt"
Side: TypeAlias = tuple[str, str]
"""A picture's sha256 and the prompt."""
Rewards: TypeAlias = Mapping[Side, Tensor]


def compare_rivals(
    views: Sequence[View],
    rewards_of: Callable[[Mapping[Side, Picture]], Rewards],
    compare: Callable[[View, Rewards], Outcome],
) -> list[Outcome]:
    """One outcome per view, in order; pictures that are too long have no reward.

    Raises SpecialistError when a prompt or a rival is missing.
    """
    need_prompts(views)
    if any(view.rival is None for view in views):
        raise SpecialistError(NO_RIVAL)
    both = [(view, picture) for view in views for picture in (view.image, view.rival) if picture is not None]
    usable = [(view, picture) for view, picture in both if not too_long(picture.rgb())]
    rewards = rewards_of({(picture.sha256, view.prompt or ""): picture for view, picture in usable})
    return [compare(view, rewards) for view in views]


def remembered_rewards(
    sides: Mapping[Side, Picture],
    rewards: Callable[[Sequence[tuple[Picture, str]]], Sequence[Tensor]],
    *,
    key: Hashable,
    device: str,
) -> dict[Side, Tensor]:
    """The reward of every picture for its prompt; kept with the picture, since its rival asks for it again."""
    kept = {side: picture.remember(key, dict[str, Tensor]) for side, picture in sides.items()}
    new = [side for side in sides if side[1] not in kept[side]]
    wanted = [(sides[side], side[1]) for side in new]
    for side, reward in zip(new, in_batches(wanted, rewards, size=batch(device)), strict=True):
        kept[side][side[1]] = reward
    return {side: kept[side][side[1]] for side in sides}
