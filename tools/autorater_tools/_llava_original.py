"""LLaVA-1.5 checkpoints in the layout of their authors (`llava_llama`), in transformers' LLaVA.

The folder holds `config.json`, `tokenizer.model` and shards `pytorch_model-*.bin` (or safetensors); the vision tower
is a CLIP checkpoint in a folder of its own, unless the shards bring a tuned one. Facts: haotian-liu/LLaVA 1.5.
"""

import json
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from autorater.errors import SpecialistError
from autorater.vision_ops import allow_torchvision
from autorater_tools._checkpoints import load_pretrained, precision, without_bars

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
"""Of the template vicuna_v1."""
IMAGE = 0
"""The token that stands for a piece of the image: <unk>, which the tokenizer never writes since it can spell bytes."""
RENAMED = (
    ("model.mm_projector.0.", "model.multi_modal_projector.linear_1."),
    ("model.mm_projector.2.", "model.multi_modal_projector.linear_2."),
    ("model.vision_tower.vision_tower.", "model.vision_tower."),
    ("model.", "model.language_model."),
)
"""Their names → the library's, the first that fits; `lm_head` is the same."""
NOT_WEIGHTS = (".rotary_emb.inv_freq", ".embeddings.position_ids")
"""Constants that old files hold too."""


class OriginalLlava:
    """A checkpoint in memory. `folder` is the language model's, `tower` the folder of CLIP ViT-L/14 at 336 pixels.

    Raises:
        SpecialistError: a file is missing, damaged, or of another architecture; the message names it.

    """

    def __init__(self, folder: Path, tower: Path, *, device: str) -> None:
        allow_torchvision()
        import sentencepiece
        import transformers

        self.pixels: Any = load_pretrained(transformers.AutoImageProcessor, tower, backend="pil")
        config = library_config(transformers, _settings(folder), _settings(tower))
        weights = library_weights(transformers, config, folder, tower)
        loader: Any = transformers.LlavaForConditionalGeneration
        with without_bars():
            network = loader.from_pretrained(None, config=config, state_dict=weights, dtype=precision(device))
        self.network: Any = network.to(device).eval()
        self.pieces = config.image_seq_length
        self.tokenizer: Any = sentencepiece.SentencePieceProcessor()
        try:
            self.tokenizer.Load(str(_file(folder, "tokenizer.model")))
        except RuntimeError as error:
            raise _damaged(folder / "tokenizer.model", error) from error

    def ids(self, question: str) -> list[int]:
        """The prompt of a first turn: both sides of the image are tokenised apart, as the authors' code does."""
        before, after = f"{SYSTEM} USER: ", f"\n{question} ASSISTANT:"
        coded = [self.tokenizer.EncodeAsIds(part) for part in (before, after)]
        return [self.tokenizer.bos_id(), *coded[0], *[IMAGE] * self.pieces, *coded[1]]

    @torch.inference_mode()
    def write(self, images: Sequence[Image.Image], question: str, *, tokens: int) -> list[str]:
        """What the model says of each image, the likeliest token each time, at most `tokens` of them.

        All prompts have the same length, so that no image's answer depends on the others by padding.
        """
        mean = tuple(int(255 * one) for one in self.pixels.image_mean)
        squares = [on_square(image, mean) for image in images]
        pixels = self.pixels(images=squares, return_tensors="pt")["pixel_values"]
        ids = torch.tensor([self.ids(question)] * len(images), device=self.network.device)
        written = self.network.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=pixels.to(self.network.device, self.network.dtype),
            max_new_tokens=tokens,
            do_sample=False,
            eos_token_id=self.tokenizer.eos_id(),
            pad_token_id=self.tokenizer.eos_id(),
        )
        return [self._text(row[ids.shape[1] :].tolist()) for row in written]

    def _text(self, ids: list[int]) -> str:
        end = self.tokenizer.eos_id()
        kept = ids[: ids.index(end)] if end in ids else ids
        known = [one for one in kept if one < self.tokenizer.GetPieceSize()]
        said = [one for one in known if not (self.tokenizer.IsControl(one) or self.tokenizer.IsUnknown(one))]
        return str(self.tokenizer.DecodeIds(said)).strip()


def on_square(image: Image.Image, colour: tuple[int, ...]) -> Image.Image:
    """The image in the middle of a square of its longer side, in this colour."""
    if image.width == image.height:
        return image
    side = max(image.size)
    square = Image.new("RGB", (side, side), colour)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def library_config(transformers: Any, language: dict[str, Any], tower: dict[str, Any]) -> Any:
    """The library's configuration for the authors' `config.json` and that of CLIP.

    Raises:
        SpecialistError: it is no LLaVA with a two-layer projector on the patches of CLIP.

    """
    told = {name: language.get(name) for name in ("mm_projector_type", "mm_vision_select_feature")}
    if told["mm_projector_type"] != "mlp2x_gelu" or told["mm_vision_select_feature"] not in (None, "patch"):
        raise SpecialistError(
            f"expected a LLaVA-1.5 checkpoint (mm_projector_type mlp2x_gelu, patches), its config.json says {told}"
        )
    kept = {name: value for name, value in language.items() if name not in ("architectures", "model_type")}
    vision = transformers.CLIPVisionConfig(**tower.get("vision_config", tower))
    return transformers.LlavaConfig(
        vision_config=vision,
        text_config=transformers.LlamaConfig(**{key: kept[key] for key in kept if not key.startswith("mm_")}),
        image_token_index=IMAGE,
        image_seq_length=(vision.image_size // vision.patch_size) ** 2,
        vision_feature_layer=language.get("mm_vision_select_layer", -2),
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
    )


def library_weights(transformers: Any, config: Any, folder: Path, tower: Path) -> dict[str, torch.Tensor]:
    """All weights under the library's names; nothing is missing, nothing is left over.

    Raises:
        SpecialistError: a file is damaged, or weights are missing, unknown or of another shape.

    """
    with torch.device("meta"):
        wanted = transformers.LlavaForConditionalGeneration(config).state_dict()
    found: dict[str, torch.Tensor] = {}
    vision = ((f"model.vision_tower.vision_tower.{name}", value) for name, value in read_shards(tower))
    for pairs in (((name, value) for name, value in vision if ".vision_model." in name), read_shards(folder)):
        found |= {library_name(name, wanted): value for name, value in pairs if not name.endswith(NOT_WEIGHTS)}
    wrong = [name for name in wanted if name not in found or found[name].shape != wanted[name].shape]
    wrong += [name for name in found if name not in wanted]
    if wrong:
        some = ", ".join(sorted(wrong)[:3])
        raise SpecialistError(
            f"{len(wrong)} weights of {folder.name!r} with {tower.name!r} are missing, unknown or of another shape "
            f"({some}): fetch both again with `autorater tools pull`"
        )
    return found


def library_name(name: str, wanted: dict[str, Any]) -> str:
    """The library's name of a weight of the authors' files; newer versions leave `vision_model.` out."""
    for theirs, ours in RENAMED:
        if name.startswith(theirs):
            name = ours + name.removeprefix(theirs)
            break
    return name if name in wanted else name.replace("vision_tower.vision_model.", "vision_tower.")


def read_shards(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Every weight in the files of a checkpoint folder; safetensors where there are any.

    Raises:
        SpecialistError: there is no file, the index names one that is missing, or one is damaged.

    """
    from safetensors import SafetensorError, safe_open

    ending = ".safetensors" if any(folder.glob("*.safetensors")) else ".bin"
    files = sorted(folder.glob(f"*{ending}"))
    for index in folder.glob(f"*{ending}.index.json"):
        named = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        files = [_file(folder, name) for name in named]
    if not files:
        raise SpecialistError(f"{folder.name!r} holds no weights: run `autorater tools pull` again")
    for file in files:
        try:
            if ending == ".bin":
                weights = torch.load(file, map_location="cpu", weights_only=True, mmap=_mappable(file))
            else:
                opened: Any = safe_open(file, framework="pt")
                weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
            raise _damaged(file, error) from error
        yield from weights.items()


def _mappable(file: Path) -> bool:
    """Whether it is a zip, as torch writes since 1.6; older files are read whole."""
    with file.open("rb") as opened:
        return opened.read(2) == b"PK"


def _settings(folder: Path) -> dict[str, Any]:
    path = _file(folder, "config.json")
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise _damaged(path, error) from error


def _file(folder: Path, name: str) -> Path:
    path = folder / Path(name).name
    if not path.is_file():
        raise SpecialistError(f"{path.name} is missing in {folder.name!r}: run `autorater tools pull` again")
    return path


def _damaged(file: Path, error: Exception) -> SpecialistError:
    why = " ".join(str(error).split())[:150]
    return SpecialistError(f"{file.name} of {file.parent.name!r} cannot be read ({why}): fetch it again")
