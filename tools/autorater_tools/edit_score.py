"""EditScore: a VLM that was tuned to score edits by the rules of VIEScore, in words and numbers."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from autorater.assessment import Declined, Failed, Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater.vision_ops import allow_torchvision
from autorater_tools._checkpoints import in_batches
from autorater_tools._clip import batch
from autorater_tools._edits import need_edits, refused
from autorater_tools._lora import merge
from autorater_tools._prompt_texts import read_texts
from autorater_tools._qwen import TOO_LONG, Prompt, Words, half, layer_name
from autorater_tools._tensors import load_whole

TEXTS = "vie_prompts.py"
CONTEXT, PAIR, EDIT, QUALITY = (
    "_context_no_delimit_reasoning_first",
    "_prompts_0shot_two_image_edit_rule",
    "_prompts_0shot_tie_rule_SC",
    "_prompts_0shot_rule_PQ",
)
PLACE = "<instruction>"
MOST = 25
"""The scale that the model was tuned on; the rules are written for 10, and its authors replace the number."""
TOKENS = 512
NUMBERED = "qwen2.5-vl-7b"
"""The backbone whose images are numbered by its authors; the others use their own chat format."""
SHOWN = 300


class EditScore:
    """Luo et al., "EditScore", 2025: Qwen3-VL-4B or Qwen2.5-VL-7B with a LoRA, asked twice, once without the source.

    Following and consistency see source and edit, quality sees the edit alone: 0 to 25 each, told as 0 to 10.
    overall = sqrt(min(following, consistency) · min(naturalness, absence of artifacts)). The likeliest token is taken
    each time, where the authors sample with a temperature of 0.7.
    """

    def __init__(self, *, device: str = "cpu", weights: Path, backbone: str = "qwen3-vl-4b") -> None:
        allow_torchvision()
        from transformers import AutoModelForImageTextToText

        self.device, self.numbered = device, backbone == NUMBERED
        texts = read_texts(weights / TEXTS, (CONTEXT, PAIR, EDIT, QUALITY))
        if PLACE not in texts[EDIT]:
            raise SpecialistError(f"{TEXTS} has no place for the instruction ({PLACE}): fetch it again")
        self.edit = "\n".join((texts[CONTEXT], texts[PAIR], texts[EDIT].replace("10", str(MOST))))
        self.quality = "\n".join((texts[CONTEXT], texts[QUALITY].replace("10", str(MOST))))
        self.words = Words(weights / backbone)
        folder = weights / backbone
        self.network: Any = load_whole(AutoModelForImageTextToText, folder, device=device, dtype=half(device))
        merge(self.network.model, weights / f"{backbone}-lora", layer_name)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; the first source is the one that was edited."""
        need_edits(views)
        usable = [view for view in views if not refused(view)]
        prompts = [prompt for view in usable for prompt in self.prompts(view)]
        answers = iter(in_batches(prompts, self.answers, size=batch(self.device)))
        return [Declined(reason=TOO_LONG) if refused(view) else told(next(answers), next(answers)) for view in views]

    def prompts(self, view: View) -> tuple[Prompt, Prompt]:
        """What is asked about source and edit, and about the edit alone."""
        source, edit = view.sources[0].rgb(), view.image.rgb()
        asked = self.edit.replace(PLACE, self.words.plain(view.prompt or ""))
        return self.prompt(asked, (source, edit)), self.prompt(self.quality, (edit,))

    def prompt(self, text: str, images: tuple[Image.Image, ...]) -> Prompt:
        """One question in the format that the backbone was tuned with."""
        if not self.numbered:
            return Prompt(self.words.chat(text, images=len(images)), images)
        seen = "<|vision_start|><|image_pad|><|vision_end|>"
        numbered = "".join(f"<img{number}>: {seen}" for number in range(1, len(images) + 1))
        start = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        return Prompt(f"{start}{numbered}{text}<|im_end|>\n<|im_start|>assistant\n", images)

    @torch.inference_mode()
    def answers(self, prompts: Sequence[Prompt]) -> list[str]:
        """What the model answers, the likeliest token each time, at most 512 of them."""
        inputs = {name: tensor.to(self.device) for name, tensor in self.words.inputs(prompts, side="left").items()}
        inputs["pixel_values"] = inputs["pixel_values"].to(self.network.dtype)
        written = self.network.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)
        answers = written[:, inputs["input_ids"].shape[1] :]
        return [str(one).strip() for one in self.words.tokenizer.batch_decode(answers, skip_special_tokens=True)]


def told(edit: str, quality: str) -> Outcome:
    """The readings for the two answers; an answer without two numbers is a failure and never a number."""
    found = [parse(edit), parse(quality)]
    for answer, scores in zip((edit, quality), found, strict=True):
        if scores is None:
            shown = " ".join(answer.split())[:120]
            return Failed(error=f"the model did not answer with two scores from 0 to {MOST}: {shown!r}")
    (following, consistency), looks = ([score * 10 / MOST for score in scores] for scores in found if scores)
    values = {
        "following": following,
        "consistency": consistency,
        "quality": min(looks),
        "overall": math.sqrt(min(following, consistency) * min(looks)),
    }
    text = f"Edit: {reason(edit)} Quality: {reason(quality)}"
    return Measured(readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()), text=text)


def parse(answer: str) -> list[float] | None:
    """The two scores of an answer, each 0 to 25, or None. Only the list behind "score" is read, the last one."""
    lists = re.findall(r"""["']?score["']?\s*:\s*\[([^\[\]]*)\]""", answer)
    try:
        scores = [float(part) for part in lists[-1].split(",")] if lists else []
    except ValueError:
        return None
    return scores if len(scores) == 2 and all(0 <= score <= MOST for score in scores) else None


def reason(answer: str) -> str:
    """What the model says for its scores, in at most 300 characters."""
    try:
        given = json.loads(answer[answer.index("{") : answer.rindex("}") + 1], strict=False)["reasoning"]
    except (ValueError, KeyError, TypeError):
        given = re.sub(r"""["']?score["']?\s*:.*|["'{}]|reasoning["']?\s*:""", "", answer, flags=re.DOTALL)
    short = " ".join(str(given).split())
    return short if len(short) <= SHOWN else f"{short[:SHOWN].rsplit(' ', 1)[0]} …"
