"""DreamSim: how different an edit looks from its source, as people judge it."""

from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from autorater.assessment import Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.image import Picture
from autorater.toolbox import View
from autorater.vision_ops import allow_torchvision
from autorater_tools._checkpoints import in_batches, precision
from autorater_tools._offline import loading_from, silent
from autorater_tools._pixels import NO_SOURCE

SIDE = 224
PATCH = "_patch"
"""Variants of this ending also look at the patches of the picture."""
DIGITS = 6
"""Readings are rounded to so many decimals: beyond them the size of the batch shows."""

Vector = NDArray[np.float32]


class Dreamsim:
    """Fu et al., NeurIPS 2023, through the official package, on a folder with its released checkpoints."""

    def __init__(self, *, weights: Path, device: str = "cpu", variant: str = "ensemble") -> None:
        self.device = device
        self.variant = variant
        self.key = object()
        self.model = load(weights, variant=variant, device=device)
        self.dtype = precision(device)
        if self.dtype != torch.float32:
            _to(self.model, self.dtype)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; the first source is the one compared with. Pictures are embedded once."""
        if not all(view.sources for view in views):
            raise SpecialistError(NO_SOURCE)
        self.embed([picture for view in views for picture in (view.sources[0], view.image)])
        return [
            Measured(readings=(Reading(quantity="distance", value=self.distance(view.sources[0], view.image)),))
            for view in views
        ]

    def distance(self, one: Picture, other: Picture) -> float:
        """1 - cosine of the two embeddings, 0 to 2, lower is more alike."""
        left, right = self.embed([one, other])
        return round(min(2.0, max(0.0, 1 - float(left @ right))), DIGITS)

    def embed(self, pictures: Sequence[Picture]) -> list[Vector]:
        """An embedding of unit length for each picture; kept with the picture, equal pictures are looked at once."""
        memories = [picture.remember(self.key, dict[str, Vector]) for picture in pictures]
        known = {picture.sha256: memory["vector"] for picture, memory in zip(pictures, memories, strict=True) if memory}
        fresh = list({picture.sha256: picture for picture in pictures if picture.sha256 not in known}.values())
        for picture, vector in zip(fresh, in_batches(fresh, self._look), strict=True):
            known[picture.sha256] = vector
        for picture, memory in zip(pictures, memories, strict=True):
            memory["vector"] = known[picture.sha256]
        return [known[picture.sha256] for picture in pictures]

    @torch.inference_mode()
    def _look(self, pictures: Sequence[Picture]) -> list[Vector]:
        batch = torch.cat([prepared(picture.rgb()) for picture in pictures]).to(self.device, self.dtype)
        raw: Tensor = self.model.embed(batch)
        return list(unit_vectors(raw, patches=self.variant.endswith(PATCH)).cpu().numpy())


def load(weights: Path, *, variant: str, device: str) -> Any:
    """The package's model of a variant. It is asked for plain embeddings: `unit_vectors` normalises, in float32.

    Raises:
        SpecialistError: a file is missing, damaged, or of another model.

    """
    allow_torchvision()
    package: Any = import_module("dreamsim.model")
    name = variant.removesuffix(PATCH)
    # SynCLR's checkpoint was saved with the settings of its training beside the tensors.
    settings = torch.serialization.safe_globals([Namespace])
    with settings, loading_from(weights, "dreamsim", (package, {"print": silent})):
        for part in package_files(variant):
            if not (weights / part).exists():
                raise SpecialistError(f"the weights of dreamsim lack {part}: run `autorater tools pull dreamsim`")
        model, _ = package.dreamsim(
            device=device,
            cache_dir=str(weights),
            normalize_embeds=False,
            dreamsim_type=name,
            use_patch_model=variant != name,
        )
    return model.eval()


def package_files(variant: str) -> tuple[str, ...]:
    """What the package and torch.hub look for; with all of it there they reach for nothing else."""
    base = variant.removesuffix(PATCH)
    lora = "ensemble_lora" if variant == "ensemble" else f"{base}_{'patch' if variant != base else 'single'}_lora"
    files = {
        "ensemble": ("dino_vitb16_pretrain.pth", "open_clip_vitb16_pretrain.pth.tar", "clip_vitb16_pretrain.pth.tar"),
        "dino_vitb16": ("dino_vitb16_pretrain.pth",),
        "dinov2_vitb14": ("dinov2_vitb14_pretrain.pth",),
        "synclr_vitb16": ("synclr_vit_b_16.pth",),
    }.get(base, (f"{base}_pretrain.pth.tar",))
    hub = {
        "ensemble": ("facebookresearch_dino_main", "checkpoints/dino_vitbase16_pretrain.pth"),
        "dino_vitb16": ("facebookresearch_dino_main", "checkpoints/dino_vitbase16_pretrain.pth"),
        "dinov2_vitb14": ("facebookresearch_dinov2_main", "checkpoints/dinov2_vitb14_pretrain.pth"),
    }.get(base, ())
    return (*files, lora, *hub)


def prepared(image: Image.Image) -> Tensor:
    """The picture squashed to 224x224 (bicubic), 0 to 1; shape (1, 3, 224, 224), float32."""
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    return torch.as_tensor(pixels).permute(2, 0, 1)[None].contiguous()


def unit_vectors(raw: Tensor, *, patches: bool) -> Tensor:
    """Embeddings of unit length, float32, from what the networks gave.

    Each is centred on its own mean and normalised, so that 1 - cosine is 1 - Pearson's correlation. With `patches`,
    `raw` is (pictures, tokens, channels): every token is normalised so, then the class token and the mean of the others
    are joined.
    """
    raw = raw.float()
    centred = raw - raw.mean(-1, keepdim=True)
    normal = functional.normalize(centred, dim=-1)
    if not patches:
        return normal
    joined = torch.cat((normal[:, 0], normal[:, 1:].mean(1)), dim=-1)
    return functional.normalize(joined, dim=-1)


def _to(model: Any, dtype: torch.dtype) -> None:
    """The model in `dtype`, with the projections that the package keeps as plain attributes."""
    model.to(dtype)
    for part in model.modules():
        kept: dict[str, Any] = part.__dict__
        if isinstance(kept.get("proj"), Tensor):
            kept["proj"] = kept["proj"].to(dtype)
