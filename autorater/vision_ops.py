"""torchvision beside a torch that it was not built for: its transforms work when two operators are declared first."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch

_declared: list[torch.library.Library] = []
"""A declaration lasts as long as the object that made it."""


def allow_torchvision() -> None:
    """Call before anything that imports torchvision.

    The usual wheel of torchvision is compiled against CUDA. Beside a torch for the CPU its operators cannot be loaded
    and `import torchvision` ends in "operator torchvision::nms does not exist". Where they cannot be loaded, the two
    operators that the import asks for are declared without a kernel: transforms, models and `roi_align` work, `nms`,
    `deform_conv2d` and `torchvision.io` do not. Where they can be loaded nothing is declared. May be called again.
    """
    spec = find_spec("torchvision")
    if _declared or spec is None or not spec.submodule_search_locations or _there():
        return
    for library in sorted(Path(spec.submodule_search_locations[0]).glob("_C.*")):
        try:
            cast("Any", torch.ops).load_library(str(library))
        except OSError:
            continue
    if not _there():
        declared: Any = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            declared.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(declared)


def _there() -> bool:
    return hasattr(torch.ops.torchvision, "nms")
