"""The prompts of views, for the specialists that can say nothing without one."""

from collections.abc import Sequence

from autorater.errors import SpecialistError
from autorater.toolbox import View

NO_PROMPT = "a prompt is needed: this specialist tells how well the image goes with it"


def need_prompts(views: Sequence[View], message: str = NO_PROMPT) -> list[str]:
    """The prompt of every view, in order; `message` tells why one is needed.

    Raises:
        SpecialistError: a view has none.

    """
    return [need_prompt(view, message) for view in views]


def need_prompt(view: View, message: str = NO_PROMPT) -> str:
    """The prompt of one view. Raises SpecialistError with this message when it has none."""
    if view.prompt is None:
        raise SpecialistError(message)
    return view.prompt
