"""Tiny seeded checkpoints for the specialists whose official weights no package ships: one builder for each card."""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from places import SCRATCH

BUILDERS: dict[str, str] = {
    "edit_score": "tiny_qwen:build_edit_score",
    "edit_reward": "tiny_qwen:build_edit_reward",
    "llava_reward": "tiny_qwen:build_llava_reward",
    "reward_head": "tiny_reward:build",
    "reward_preference": "tiny_reward:build",
    "pal4vst": "tiny_pal4vst:build",
    "dreamsim": "tiny_dreamsim:build",
    "face_identity": "tiny_faces:build",
    "iqa_musiq": "tiny_iqa:build_musiq",
    "iqa_topiq_nr": "tiny_iqa:build_topiq_nr",
    "iqa_topiq_iaa": "tiny_iqa:build_topiq_iaa",
    "iqa_nima": "tiny_iqa:build_nima",
    "iqa_clipiqa_plus": "tiny_iqa:build_clipiqa_plus",
    "iqa_q_align": "tiny_iqa:build_q_align",
    "iqa_lpips": "tiny_iqa:build_lpips",
    "iqa_dists": "tiny_iqa:build_dists",
    "hpsv3": "tiny_qwen:build_hpsv3",
    "lmm4lmm": "tiny_lmm:build_lmm4lmm",
    "q_realign": "tiny_lmm:build_q_realign",
    "visionreward_questions": "tiny_lmm:build_vqascore",
    "vqascore": "tiny_lmm:build_vqascore",
    "image_reward": "tiny_blip:build_image_reward",
    "laion_aesthetic": "tiny_blip:build_laion",
    "aesexpert": "tiny_original_llava:build_aesexpert",
    "hpsv2": "tiny_clip:build_hpsv2",
    "clipscore": "tiny_clip:build_clipscore",
    "pickscore": "tiny_clip:build_pickscore",
    "coco_objects": "tiny_coco:build",
    "object_checks": "tiny_coco:build",
    "edit_scope": "tiny_coco:build",
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
    folder.mkdir(parents=True, exist_ok=True)  # a builder that failed is tried again, and says why again
    build(folder)
    return folder
