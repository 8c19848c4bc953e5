"""VIEScore's published correlations: what the authors' notebook prints for people and for gemini_0shot.

TIGER-AI-Lab/VIEScore @ aeb1f18, analyze_json.ipynb. The paper's tables of the other judges (arXiv 2312.14867) could not
be read at their source and are not here.
"""

import math

ASPECTS = ("SC", "PQ", "O")

_HUMANS: dict[str, dict[str, tuple[float, float, float]]] = {
    "Multi-Concept_IC": {
        "TextualInversion": (0.699, 0.5803, 0.698),
        "DreamBooth": (0.6209, 0.6423, 0.6222),
        "CustomDiffusion": (0.7256, 0.4838, 0.7217),
    },
    "Text-Guided_IE": {
        "Prompt2prompt": (0.588, 0.5028, 0.5811),
        "CycleDiffusion": (0.5482, 0.5887, 0.5891),
        "SDEdit": (0.2657, 0.4705, 0.1991),
        "DiffEdit": (0.3286, 0.6214, 0.4265),
        "MagicBrush": (0.6219, 0.519, 0.6289),
        "Text2Live": (0.2675, 0.5757, 0.1524),
        "Pix2PixZero": (0.3311, 0.577, 0.3327),
        "InstructPix2Pix": (0.66, 0.5955, 0.6561),
    },
    "Control-Guided_IG": {"UniControl": (0.606, 0.6062, 0.5954), "ControlNet": (0.6144, 0.5682, 0.5868)},
    "Mask-Guided_IE": {
        "Glide": (0.5894, 0.553, 0.5695),
        "BlendedDiffusion": (0.5051, 0.5511, 0.4224),
        "SDInpaint": (0.659, 0.5166, 0.5394),
        "SDXLInpaint": (0.6574, 0.5928, 0.6556),
    },
    "Subject-Driven_IG": {
        "TextualInversion": (0.6, 0.3351, 0.5686),
        "DreamBoothLora": (0.3903, 0.443, 0.3878),
        "BLIPDiffusion_Gen": (0.4458, 0.3263, 0.439),
        "DreamBooth": (0.6452, 0.3871, 0.6208),
    },
    "Subject-Driven_IE": {
        "DreamEdit": (0.5867, 0.2245, 0.546),
        "BLIPDiffusion_Edit": (0.5359, 0.4033, 0.5051),
        "PhotoSwap": (0.4805, 0.2961, 0.4973),
    },
    "Text-Guided_IG": {
        "SDXL": (0.5807, 0.4992, 0.5896),
        "SD": (0.5979, 0.2772, 0.4962),
        "OpenJourney": (0.5321, 0.36, 0.4861),
        "DeepFloydIF": (0.5635, 0.3029, 0.5131),
        "DALLE2": (0.5019, 0.468, 0.4348),
    },
}

_GEMINI: dict[str, tuple[float, float, float]] = {
    "Multi-Concept_IC": (0.3557, 0.1948, 0.3314),
    "Text-Guided_IE": (0.2836, 0.4291, 0.2728),
    "Control-Guided_IG": (0.3254, 0.3359, 0.2957),
    "Mask-Guided_IE": (0.4304, 0.2839, 0.3593),
    "Subject-Driven_IG": (0.2906, 0.1765, 0.285),
    "Subject-Driven_IE": (0.2187, 0.3148, 0.2234),
    "Text-Guided_IG": (0.5123, 0.1842, 0.4359),
    "all": (0.3322, 0.2675, 0.3048),
}

TASKS = frozenset(_HUMANS)
"""The seven tasks that the average over all tasks is of."""


def published(task: str, judge: str, aspect: str) -> float | None:
    """What was published of the authors' average; `task` may be "all", or "task/generator" for people."""
    place = ASPECTS.index(aspect)
    task = task.removeprefix("ImagenHub_")
    if judge == "gemini_0shot":
        return _GEMINI[task][place] if task in _GEMINI else None
    if judge != "humans":
        return None
    if task == "all":
        return round(_authors([_of_people(one, place) for one in _HUMANS]), 4)
    one, _, generator = task.partition("/")
    if generator:
        return _HUMANS[one][generator][place] if generator in _HUMANS.get(one, {}) else None
    return round(_of_people(one, place), 4) if one in _HUMANS else None


def _of_people(task: str, place: int) -> float:
    return _authors([given[place] for given in _HUMANS[task].values()])


def _authors(values: list[float]) -> float:
    return math.tanh(sum(values) / len(values))
