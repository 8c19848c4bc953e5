"""PAL4VST: which parts of a generated picture look wrong, and what share of it they are."""

import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from autorater.assessment import Mask, Measured, Outcome, Reading, Region
from autorater.errors import SpecialistError
from autorater.toolbox import View

SIDE = 512
"""The export takes one picture of this many pixels a side; its shape is fixed."""
MEAN = (123.675, 116.28, 103.53)
SPREAD = (58.395, 57.12, 57.375)
REGIONS = 5
AREA = 0.0001
"""Connected regions of a smaller share of the picture are not listed; they count in the ratio all the same."""
SHOWN = 1024
"""The longer side of the mask that is handed on, at most."""

Marked = NDArray[np.bool_]


class Pal4Vst:
    """Zhang et al., ICCV 2023: the TorchScript export of a Swin-L with UPerNet, two classes, hard 0 or 1."""

    def __init__(self, *, weights: Path, device: str = "cpu", variant: str = "unified") -> None:
        self.device = device
        self.key = object()
        self.network = load_script(weights / variant / "end2end.pt", device=device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; the export takes one picture at a time."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """The share of the picture that is marked, the marks, and the largest connected ones."""
        marked = view.image.remember(self.key, lambda: self.mark(view.image.rgb()))
        return Measured(
            readings=(Reading(quantity="artifact_ratio", value=ratio(marked)),),
            regions=regions(marked),
            mask=Mask.of("artifacts", stretched(marked, view.image.width, view.image.height)),
        )

    @torch.inference_mode()
    def mark(self, image: Image.Image) -> Marked:
        """Where the squashed picture looks wrong, shape (512, 512)."""
        found: Any = self.network(prepared(image).to(self.device))
        if not isinstance(found, Tensor) or found.shape != (1, 1, SIDE, SIDE):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise SpecialistError(
                f"end2end.pt gave {shape}, PAL4VST's export gives (1, 1, {SIDE}, {SIDE}): it is another model; "
                "bring the right file by `autorater tools pull pal4vst --from FOLDER --repin`"
            )
        return np.asarray(found[0, 0].cpu()) > 0


def load_script(path: Path, *, device: str) -> Any:
    """The TorchScript archive at `path`. No Python of it is run and nothing is unpickled.

    Raises:
        SpecialistError: it is missing, cut short, or no TorchScript.

    """
    script: Any = torch.jit
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit is no longer developed, but still reads
            return script.load(str(path), map_location=device).eval()
    except (RuntimeError, ValueError, OSError) as error:
        lines = str(error).strip().splitlines()
        raise SpecialistError(
            f"{path.parent.name}/{path.name} is no TorchScript that can be read ({lines[0][:160] if lines else ''}): "
            "bring it again by `autorater tools pull pal4vst --from FOLDER --repin`"
        ) from error


def prepared(image: Image.Image) -> Tensor:
    """The picture squashed to 512x512 (bicubic) and normalised; shape (1, 3, 512, 512), float32, RGB."""
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    normal = (pixels - np.array(MEAN, dtype=np.float32)) / np.array(SPREAD, dtype=np.float32)
    return torch.as_tensor(normal).permute(2, 0, 1)[None].contiguous()


def ratio(marked: Marked) -> float:
    """The share of pixels that are marked, 0 to 1, lower is better."""
    return float(marked.mean())


def regions(marked: Marked) -> tuple[Region, ...]:
    """The largest connected regions (neighbours share a side or a corner), largest first."""
    measure: Any = import_module("scipy.ndimage")
    height, width = marked.shape
    labels, count = measure.label(marked, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    boxes = measure.find_objects(labels)
    largest = sorted(range(count), key=lambda index: -int(areas[index]))[:REGIONS]
    return tuple(
        Region(
            label="artifact",
            box=(
                boxes[index][1].start / width,
                boxes[index][0].start / height,
                boxes[index][1].stop / width,
                boxes[index][0].stop / height,
            ),
        )
        for index in largest
        if areas[index] >= AREA * height * width
    )


def stretched(marked: Marked, width: int, height: int) -> NDArray[np.uint8]:
    """The marks at the picture's proportions, 0 or 1, by the nearest neighbour; the longer side at most 1024 pixels."""
    shrink = min(1.0, SHOWN / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    image = Image.fromarray(marked.astype(np.uint8))
    return np.asarray(image.resize(size, Image.Resampling.NEAREST))
