"""The subjects of `scorer_speed`: for each how its random weights are made and the three ways in which it is called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import torch

from autorater.image import Picture
from autorater.toolbox import Specialist
from autorater_evals import _real_size as real_size
from autorater_evals.specialist_speed import PROMPT

Look = Callable[[Sequence[Picture]], object]
"""One call of the official code: one picture, or the two of a pair."""
T = TypeVar("T")


@dataclass(frozen=True)
class Subject:
    """`build` writes weights into a folder; the others load from it, on a device."""

    name: str
    card: str
    build: Callable[[Path], None]
    official: Callable[[Path, str], Look]
    bare: Callable[[Path, str, Sequence[Picture]], Callable[[], object]]
    ours: Callable[[Path, str], Specialist]
    pictures: int = 1
    """How many one call looks at."""


def parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """`items` in order, `size` at a time; what is left over at the end is left out."""
    return [items[start : start + size] for start in range(0, len(items) - size + 1, size)]


def batched(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """`items` in order, at most `size` at a time."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def dtype_of(device: str) -> torch.dtype:
    """What both the official code and ours compute in."""
    return torch.float32 if device == "cpu" else torch.float16


def _made(entry: str, **options: Any) -> Callable[[Path, str], Specialist]:
    def ours(weights: Path, device: str) -> Specialist:
        module, _, name = entry.partition(":")
        made: Specialist = getattr(import_module(f"autorater_tools.{module}"), name)(
            weights=weights, device=device, **options
        )
        return made

    return ours


# Q-SiT ----------------------------------------------------------------------------------------------------------------


def _qsit_model(weights: Path, device: str, variant: str) -> tuple[Any, Any]:
    transformers: Any = import_module("transformers")
    processor = transformers.AutoProcessor.from_pretrained(str(weights / variant))
    model = transformers.LlavaOnevisionForConditionalGeneration.from_pretrained(
        str(weights / variant), dtype=dtype_of(device)
    )
    return processor, model.to(device).eval()


def _qsit_inputs(processor: Any, pictures: Sequence[Picture], device: str) -> dict[str, Any]:
    """The published prompt with the beginning of the answer behind it, as Q-SiT's page builds it."""
    qsit: Any = import_module("autorater_tools.qsit")
    content = [{"type": "text", "text": qsit.QUESTION}, {"type": "image"}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    images = [picture.rgb() for picture in pictures]
    inputs = processor(images=images, text=[text] * len(images), return_tensors="pt", padding=True)
    behind = torch.tensor([processor.tokenizer(qsit.PREFIX, add_special_tokens=False)["input_ids"]] * len(images))
    ids = torch.cat([inputs.pop("input_ids"), behind], dim=1)
    given = {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return {
        name: value.to(device, dtype_of(device)) if value.is_floating_point() else value.to(device)
        for name, value in given.items()
    }


def qsit_official(weights: Path, device: str, *, variant: str) -> Look:
    """One picture, one new token, its five logits."""
    processor, model = _qsit_model(weights, device, variant)

    @torch.inference_mode()
    def look(pictures: Sequence[Picture]) -> object:
        inputs = _qsit_inputs(processor, pictures, device)
        made = model.generate(
            **inputs, max_new_tokens=1, do_sample=False, output_logits=True, return_dict_in_generate=True
        )
        return made.logits[0][0, :5].softmax(-1).tolist()

    return look


def qsit_bare(
    weights: Path, device: str, pictures: Sequence[Picture], *, variant: str, size: int = 16
) -> Callable[[], object]:
    """One forward pass a batch, the last position only."""
    processor, model = _qsit_model(weights, device, variant)
    batches = [_qsit_inputs(processor, part, device) for part in batched(pictures, size)]

    @torch.inference_mode()
    def forward() -> object:
        return [model(**batch, logits_to_keep=1, use_cache=False).logits for batch in batches]

    return forward


# Grounding DINO -------------------------------------------------------------------------------------------------------


def _folder(variant: str) -> str:
    names: Any = import_module("autorater_tools.grounding_dino")
    return str(names.FOLDERS[variant])


def _dino_model(weights: Path, device: str, variant: str) -> tuple[Any, Any]:
    transformers: Any = import_module("transformers")
    folder = str(weights / _folder(variant))
    image_processor = transformers.AutoImageProcessor.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    processor = transformers.GroundingDinoProcessor(image_processor=image_processor, tokenizer=tokenizer)
    model = transformers.GroundingDinoForObjectDetection.from_pretrained(folder, dtype=dtype_of(device))
    return processor, model.to(device).eval()


def _dino_inputs(processor: Any, pictures: Sequence[Picture], device: str) -> Any:
    phrases: Any = import_module("autorater_tools._phrases")
    text = ". ".join(phrases.phrase_texts(PROMPT)) + "."
    images = [picture.rgb() for picture in pictures]
    inputs = processor(images=images, text=[text] * len(images), return_tensors="pt", padding=True).to(device)
    inputs["pixel_values"] = inputs["pixel_values"].to(dtype_of(device))
    return inputs


def dino_official(weights: Path, device: str, *, variant: str) -> Look:
    """One picture through processor, network and post-processing, as the port's page shows it."""
    processor, model = _dino_model(weights, device, variant)

    @torch.inference_mode()
    def look(pictures: Sequence[Picture]) -> object:
        inputs = _dino_inputs(processor, pictures, device)
        sizes = [(picture.height, picture.width) for picture in pictures]
        return processor.post_process_grounded_object_detection(
            model(**inputs), inputs.input_ids, threshold=0.25, text_threshold=0.25, target_sizes=sizes
        )

    return look


def dino_bare(
    weights: Path, device: str, pictures: Sequence[Picture], *, variant: str, size: int = 8
) -> Callable[[], object]:
    """One forward pass a batch."""
    processor, model = _dino_model(weights, device, variant)
    batches = [_dino_inputs(processor, part, device) for part in batched(pictures, size)]

    @torch.inference_mode()
    def forward() -> object:
        return [model(**batch).logits for batch in batches]

    return forward


# DreamSim -------------------------------------------------------------------------------------------------------------


def _dreamsim_model(weights: Path, device: str) -> Any:
    dreamsim: Any = import_module("autorater_tools.dreamsim")
    return dreamsim.load(weights, variant="ensemble", device=device)


def dreamsim_official(weights: Path, device: str) -> Look:
    """One pair through the package, in single precision as it is published; both pictures are embedded."""
    dreamsim: Any = import_module("autorater_tools.dreamsim")
    model = _dreamsim_model(weights, device)

    @torch.inference_mode()
    def look(pictures: Sequence[Picture]) -> object:
        one, other = (dreamsim.prepared(picture.rgb()).to(device) for picture in pictures)
        return float(model(one, other))

    return look


def dreamsim_bare(weights: Path, device: str, pictures: Sequence[Picture]) -> Callable[[], object]:
    """One embedding of the whole batch."""
    dreamsim: Any = import_module("autorater_tools.dreamsim")
    made = dreamsim.Dreamsim(weights=weights, device=device)
    pixels = torch.cat([dreamsim.prepared(picture.rgb()) for picture in pictures]).to(device, dtype_of(device))

    @torch.inference_mode()
    def forward() -> object:
        return made.model.embed(pixels)

    return forward


# PAL4VST --------------------------------------------------------------------------------------------------------------


def pal4vst_official(weights: Path, device: str) -> Look:
    """One picture through the export, which takes one at a time."""
    pal4vst: Any = import_module("autorater_tools.pal4vst")
    network = pal4vst.load_script(weights / "unified" / "end2end.pt", device=device)

    @torch.inference_mode()
    def look(pictures: Sequence[Picture]) -> object:
        return float(network(pal4vst.prepared(pictures[0].rgb()).to(device))[0][0].float().mean())

    return look


def pal4vst_bare(weights: Path, device: str, pictures: Sequence[Picture]) -> Callable[[], object]:
    """The export on each picture, all prepared before."""
    pal4vst: Any = import_module("autorater_tools.pal4vst")
    network = pal4vst.load_script(weights / "unified" / "end2end.pt", device=device)
    every = [pal4vst.prepared(picture.rgb()).to(device) for picture in pictures]

    @torch.inference_mode()
    def forward() -> object:
        return [network(pixels) for pixels in every]

    return forward


def _qsit(variant: str) -> Subject:
    return Subject(
        name=f"qsit-{variant}",
        card="qsit",
        build=lambda weights: real_size.build_qsit(weights / variant, variant, dtype=torch.float16),
        official=partial(qsit_official, variant=variant),
        bare=partial(qsit_bare, variant=variant),
        ours=_made("qsit:Qsit", variant=variant),
    )


def _dino(variant: str) -> Subject:
    return Subject(
        name=f"grounding-dino-{variant}",
        card="grounding_dino",
        build=lambda weights: real_size.build_grounding_dino(weights / _folder(variant), variant, dtype=torch.float32),
        official=partial(dino_official, variant=variant),
        bare=partial(dino_bare, variant=variant),
        ours=_made("grounding_dino:GroundingDino", variant=variant),
    )


SUBJECTS = {
    subject.name: subject
    for subject in (
        _qsit("mini"),
        _qsit("7b"),
        _dino("tiny"),
        _dino("base"),
        Subject(
            name="dreamsim",
            card="dreamsim",
            build=real_size.build_dreamsim,
            official=dreamsim_official,
            bare=dreamsim_bare,
            ours=_made("dreamsim:Dreamsim"),
            pictures=2,
        ),
        Subject(
            name="pal4vst",
            card="pal4vst",
            build=lambda weights: real_size.build_pal4vst(weights / "unified" / "end2end.pt"),
            official=pal4vst_official,
            bare=pal4vst_bare,
            ours=_made("pal4vst:Pal4Vst"),
        ),
    )
}
