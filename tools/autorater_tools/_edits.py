"""What the models that score an edit by its instruction ask of every view."""

from collections.abc import Sequence

from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._pixels import NO_SOURCE
from autorater_tools._prompts import need_prompts
from autorater_tools._qwen import too_long


def need_edits(views: Sequence[View]) -> None:
    """Demand that every view has a source and a prompt.

    Raises:
        SpecialistError: a view lacks one of them.

    """
    if any(not view.sources for view in views):
        raise SpecialistError(NO_SOURCE)
    need_prompts(views)


def refused(view: View) -> bool:
    """Whether source or edit has a shape that the model's resizing refuses."""
    return too_long(view.image.rgb()) or too_long(view.sources[0].rgb())
