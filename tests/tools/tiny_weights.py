"""Tiny seeded checkpoints for the specialists whose official weights no package ships: one builder for each card."""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from places import SCRATCH

BUILDERS: dict[str, str] = {
    "image_reward": "tiny_blip:build_image_reward",
    "laion_aesthetic": "tiny_blip:build_laion",
    "aesexpert": "tiny_original_llava:build_aesexpert",
    "hpsv2": "tiny_clip:build_hpsv2",
    "clipscore": "tiny_clip:build_clipscore",
    "pickscore": "tiny_clip:build_pickscore",
    "grounding_dino": "tiny_grounding:build",
    "qsit": "tiny_lmm:build_qsit",
}
"""Specialist → "module:function" of `build(folder)`, which writes what the card's default options need."""


@lru_cache
def tiny_weights(name: str) -> Path:
    """The folder with a tiny checkpoint for this specialist, made once in a run."""
    module, _, function = BUILDERS[name].partition(":")
    build: Callable[[Path], object] = getattr(import_module(module), function)
    folder = SCRATCH / "tiny" / name
    folder.mkdir(parents=True)
    build(folder)
    return folder
