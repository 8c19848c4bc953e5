"""A small benchmark in the layout of AVT whose labels are the pictures' brightness, and a scripted judge of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from judging import rater
from PIL import Image
from scripted import Script, answer

from autorater import AutoRater
from autorater.image import Picture
from autorater.model import Question

GENERATORS = ("alder", "birch", "cedar")
PROMPTS = 4


def brightness(picture: Picture) -> float:
    """0 to 1."""
    return float(np.asarray(picture.rgb(), dtype=np.float64).mean()) / 255


def sees(question: Question) -> str:
    """Scores and prefers by brightness."""
    values = [brightness(picture) for picture in question.conversation.pictures()]
    if question.schema_name == "rating":
        return answer(question, score=1 + round(9 * values[0]))
    return answer(question, preference="image_1" if values[0] > values[1] else "image_2")


def first(question: Question) -> str:
    """Always prefers what is shown first."""
    return answer(question, preference="image_1") if question.schema_name == "comparison" else answer(question)


def make(folder: Path, *, prompts: int = PROMPTS) -> Path:
    """Twelve pictures of four prompts by three generators, or of more prompts, and all pairs of one prompt."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    levels = rng.permutation(np.linspace(20, 235, prompts * len(GENERATORS))).reshape(prompts, -1)
    items: list[dict[str, Any]] = []
    for prompt in range(prompts):
        for place, generator in enumerate(GENERATORS):
            name = f"images/p{prompt}_{generator}.png"
            level = int(levels[prompt, place])
            pixels = level + rng.integers(-16, 17, (48, 64, 1)) * np.ones(3, dtype=np.int64)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
            human = 1 + 4 * level / 255
            items.append(
                {
                    "id": f"p{prompt}_{generator}",
                    "image": name,
                    "prompt": f"scene {prompt}",
                    "prompt_id": f"p{prompt}",
                    "generator": generator,
                    "human": {"appeal_mean": human, "quality_mean_study2": 6 - human},
                }
            )
    write(folder / "items.jsonl", items)
    pairs: list[dict[str, Any]] = []
    for prompt in range(prompts):
        own = [item for item in items if item["prompt_id"] == f"p{prompt}"]
        for one, other in ((0, 1), (2, 1), (0, 2)):
            gap = own[one]["human"]["appeal_mean"] - own[other]["human"]["appeal_mean"]
            pairs.append(
                {
                    "id": f"pair{prompt}{one}{other}",
                    "prompt": f"scene {prompt}",
                    "prompt_id": f"p{prompt}",
                    "image_a": own[one]["image"],
                    "image_b": own[other]["image"],
                    "diff_a_minus_b": {"appeal": gap},
                }
            )
    write(folder / "pairs.jsonl", pairs)
    return folder


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """One object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def opened(script: Script, log: Path, **options: Any) -> AutoRater:
    """The scripted judge, recording into `log`."""
    return rater(script, log=log, **options)
