"""ImageReward: how much people would prefer the image for the prompt, by a BLIP that reads both together."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autorater.assessment import Measured, Outcome, Reading
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater.vision_ops import allow_torchvision
from autorater_tools._checkpoints import in_batches, load_pretrained, precision
from autorater_tools._clip import batch, to_pixels, told_cut
from autorater_tools._heads import dense
from autorater_tools._prompts import need_prompts
from autorater_tools._tensors import State, demand, fill, read_tensors, renamed, under
from autorater_tools._weights import AGAIN

FILE = "ImageReward.pt"
TOKENS = 35
MEAN, DEVIATION = 0.16717362830052426, 1.0333394966054072
"""Of the raw scores over the authors' training set."""
LAYERS = ("layers.0", "layers.2", "layers.4", "layers.6", "layers.7")
HEAD_WIDTH = 64
"""Of one attention head of the vision transformer."""
VISION = {
    "cls_token": "embeddings.class_embedding",
    "pos_embed": "embeddings.position_embedding",
    "patch_embed.proj.": "embeddings.patch_embedding.",
    "blocks.": "encoder.layers.",
    ".norm1.": ".layer_norm1.",
    ".norm2.": ".layer_norm2.",
    ".attn.qkv.": ".self_attn.qkv.",
    ".attn.proj.": ".self_attn.projection.",
}
PRETRAINING = ("vision_proj", "text_proj", "itm_head", "visual_encoder_m", "text_encoder_m", "text_decoder", "temp")
"""Parts of BLIP that only its pretraining uses; the authors' file may hold them and the score does not read them."""


class ImageReward:
    """Xu et al., "ImageReward", NeurIPS 2023: BLIP-L, the text attends to the image, five linear layers on its [CLS].

    score = (raw - 0.1672) / 1.0333. The authors' file is loaded into transformers' BLIP classes.
    """

    def __init__(self, *, device: str = "cpu", weights: Path) -> None:
        allow_torchvision()
        from transformers import BertTokenizer

        state = read_tensors(weights / FILE)
        known = ("blip.visual_encoder.", "blip.text_encoder.", "mlp.", *(f"blip.{part}" for part in PRETRAINING))
        demand([], [name for name in state if not name.startswith(known)], FILE)
        self.device = device
        self.words = load_pretrained(BertTokenizer, weights / "words")
        self.vision = _vision(under(state, "blip.visual_encoder.")).to(device, precision(device))
        width: int = self.vision.config.hidden_size
        text = under(state, "blip.text_encoder.")
        self.text = _text(text, weights / "med_config.json", width).to(device, precision(device))
        self.head = dense(under(state, "mlp."), LAYERS, width=self.text.config.hidden_size, source=FILE).to(device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        need_prompts(views)
        scores = in_batches(views, self.scores, size=batch(self.device))
        return [
            Measured(readings=(Reading(quantity="score", value=score),), text=told_cut(self.length(view), TOKENS))
            for view, score in zip(views, scores, strict=True)
        ]

    def length(self, view: View) -> int:
        """How many tokens the prompt has, uncut."""
        return len(self.words(view.prompt or "", verbose=False).input_ids)

    @torch.inference_mode()
    def scores(self, views: Sequence[View]) -> list[float]:
        """The score of each view, unbounded, about normal with mean 0 and deviation 1; higher is better."""
        side: int = self.vision.config.image_size
        pixels = torch.stack([to_pixels(view.image.rgb(), side) for view in views])
        seen = self.vision(pixel_values=pixels.to(self.device, self.vision.dtype)).last_hidden_state
        prompts = [view.prompt or "" for view in views]
        words = self.words(prompts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
        read = self.text(
            input_ids=words.input_ids.to(self.device),
            attention_mask=words.attention_mask.to(self.device),
            encoder_hidden_states=seen,
        ).last_hidden_state
        raw: Tensor = self.head(read[:, 0].float())[:, 0]
        return [float(score) for score in (raw - MEAN) / DEVIATION]


def _vision(state: State) -> Any:
    """BLIP's vision transformer; its sizes are those of the tensors."""
    from transformers import BlipVisionConfig, BlipVisionModel

    needed = ("patch_embed.proj.weight", "pos_embed", "blocks.0.mlp.fc1.weight")
    demand([name for name in needed if name not in state], [], FILE)
    named = {f"post_layer{name}" if name.startswith("norm.") else name: tensor for name, tensor in state.items()}
    patches, places = state["patch_embed.proj.weight"], state["pos_embed"]
    width, patch = patches.shape[0], patches.shape[-1]
    config = BlipVisionConfig(
        hidden_size=width,
        intermediate_size=state["blocks.0.mlp.fc1.weight"].shape[0],
        num_hidden_layers=_layers(state, "blocks"),
        num_attention_heads=max(1, width // HEAD_WIDTH),
        image_size=round((places.shape[1] - 1) ** 0.5) * patch,
        patch_size=patch,
        layer_norm_eps=1e-6,
    )
    model = BlipVisionModel(config)
    fill(model, renamed(named, VISION), source=FILE)
    return model.eval()


def _text(state: State, settings: Path, seen: int) -> Any:
    """BLIP's text transformer, which attends to `seen` numbers a patch; sizes from the authors' med_config.json."""
    from transformers import BlipTextConfig, BlipTextModel

    try:
        given: dict[str, Any] = json.loads(settings.read_text(encoding="utf-8"))
        names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        sizes = {name: int(given[name]) for name in (*names, "max_position_embeddings")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecialistError(f"{settings.name} cannot be read ({type(error).__name__}): {AGAIN}") from error
    epsilon = float(given.get("layer_norm_eps", 1e-12))
    make: Any = BlipTextConfig
    config = make(**sizes, encoder_hidden_size=seen, layer_norm_eps=epsilon, is_decoder=True)
    model = BlipTextModel(config, add_pooling_layer=False)
    computed = "embeddings.position_ids"
    fill(model, {name: tensor for name, tensor in state.items() if name != computed}, source=FILE)
    return model.eval()


def _layers(state: State, part: str) -> int:
    return 1 + max(int(name.split(".")[1]) for name in state if name.startswith(f"{part}."))
