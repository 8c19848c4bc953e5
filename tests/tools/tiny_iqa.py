"""Small random checkpoints for the measures of pyiqa, made through the package's own classes."""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from autorater_tools._pyiqa import building

random: Any = torch.random  # its seed is not typed

SETTINGS: dict[str, dict[str, Any]] = {
    "musiq": {"hidden_size": 32, "mlp_dim": 32, "num_heads": 2, "num_layers": 1},
    "topiq_nr": {"semantic_model_name": "test_resnet", "inter_dim": 32, "num_heads": 2},
    "topiq_iaa": {"semantic_model_name": "test_resnet", "inter_dim": 32, "num_heads": 2},
    "nima": {"base_model_name": "test_resnet"},
}
"""Metric → what makes its network small; the package's own settings are changed for the whole run."""


def _shrink(metric: str) -> Any:
    """The network of a metric, small and random, and the metric's settings in the package changed alike."""
    with building("tiny", None):
        options: dict[str, Any] = import_module("pyiqa.default_model_configs").DEFAULT_CONFIGS[metric]["metric_opts"]
        options.update(SETTINGS[metric])
        network = import_module(f"pyiqa.archs.{metric.partition('_')[0]}_arch")
        kinds = {"musiq": "MUSIQ", "topiq_nr": "CFANet", "topiq_iaa": "CFANet", "nima": "NIMA"}
        given = {name: value for name, value in options.items() if name != "type"}
        random.manual_seed(5)
        return getattr(network, kinds[metric])(**{**given, "pretrained": False})


def build_musiq(folder: Path) -> None:
    torch.save(_shrink("musiq").state_dict(), folder / "musiq_koniq_ckpt-e95806b9.pth")


def build_topiq_nr(folder: Path) -> None:
    torch.save({"params": _shrink("topiq_nr").state_dict()}, folder / "cfanet_nr_koniq_res50-9a73138b.pth")


def build_topiq_iaa(folder: Path) -> None:
    torch.save({"params": _shrink("topiq_iaa").state_dict()}, folder / "cfanet_iaa_ava_swin-393b41b4.pth")


def build_nima(folder: Path) -> None:
    state = {"params": _shrink("nima").state_dict()}
    urls: dict[str, str] = import_module("pyiqa.archs.nima_arch").default_model_urls
    urls["test_resnet-ava"] = urls["inception_resnet_v2-ava"]
    torch.save(state, folder / "NIMA_InceptionV2_ava-b0c77c00.pth")


def build_clipiqa_plus(folder: Path) -> None:
    random.manual_seed(5)
    with building("tiny", None):
        package: Any = import_module("pyiqa.archs.clip_model")
        network = package.CLIP(32, 64, (1, 1, 1, 1), 8, None, 77, 49408, 64, 1, 1).eval()
        script: Any = torch.jit  # as OpenAI released it
        traced = script.trace(network, (torch.zeros(1, 3, 64, 64), torch.zeros(1, 77, dtype=torch.long)), strict=False)
        (folder / "clip").mkdir()
        traced.save(str(folder / "clip" / "RN50.pt"))
    torch.save(torch.randn(2, 16, 64) * 0.1, folder / "CLIP-IQA+_learned_prompts-603f3273.pth")


def build_lpips(folder: Path) -> None:
    _backbone(folder / "checkpoints" / "alexnet-owt-7be5be79.pth", "alexnet")
    widths = (64, 192, 384, 256, 256)
    layers = {f"lin{layer}.model.1.weight": torch.rand(1, width, 1, 1) for layer, width in enumerate(widths)}
    torch.save(layers, folder / "LPIPS_v0.1_alex-df73285e.pth")


def build_dists(folder: Path) -> None:
    _backbone(folder / "checkpoints" / "vgg16-397923af.pth", "vgg16")
    channels = 3 + 64 + 128 + 256 + 512 + 512
    weights = {name: torch.rand(1, channels, 1, 1) for name in ("alpha", "beta")}
    torch.save(weights, folder / "DISTS_weights-f5e65c96.pth")


def _backbone(path: Path, name: str) -> None:
    """A network of torchvision of its real size; the classifier, which nobody looks at, is one repeated zero."""
    random.manual_seed(5)
    path.parent.mkdir(exist_ok=True)
    with building("tiny", None):
        models: Any = import_module("torchvision.models")
        with torch.device("meta"):
            network = getattr(models, name)()
    state: dict[str, Tensor] = {}
    for key, value in network.state_dict().items():
        wide = value.shape[0] if value.dim() > 1 else 1
        seen = torch.randn(value.shape) * (2 / max(1, value.numel() / wide)) ** 0.5 if value.dim() > 1 else None
        features = key.startswith("features") and seen is not None
        state[key] = seen if features and seen is not None else torch.zeros(1).expand(value.shape)
    torch.save(state, path)


def build_q_align(folder: Path) -> None:
    """mPLUG-Owl2 with 32 channels and a tokenizer of letters and the five words."""
    place = folder / "one-align"
    place.mkdir()
    words = ["<unk>", "<s>", "</s>", *map(chr, range(33, 127)), "▁"]
    words += [f"▁{word}" for word in ("excellent", "good", "fair", "poor", "bad")]
    tokenizers, transformers = import_module("tokenizers"), import_module("transformers")
    model: Any = tokenizers.models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[], unk_token="<unk>")
    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(model), **names).save_pretrained(place)
    side = {"height": 56, "width": 56}
    transformers.CLIPImageProcessor(size={"shortest_edge": 56}, crop_size=side).save_pretrained(place)
    specialist: Any = import_module("autorater_tools.iqa_q_align")
    with building("tiny", None), specialist.from_folder(place):
        parts: Any = import_module("pyiqa.archs.q_align.configuration_mplug_owl2")
        network: Any = import_module("pyiqa.archs.q_align.modeling_mplug_owl2")
        small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        eyes = parts.MplugOwlVisionConfig(image_size=56, patch_size=14, **small)
        bridge = parts.MplugOwlVisualAbstractorConfig(
            num_learnable_queries=4, encoder_hidden_size=32, grid_size=4, **small
        )
        visual = {"visual_model": eyes.to_dict(), "visual_abstractor": bridge.to_dict()}
        random.manual_seed(5)
        config = parts.MPLUGOwl2Config(
            visual_config=visual, vocab_size=len(words), **{**small, "num_hidden_layers": 2, "intermediate_size": 64}
        )
        network.MPLUGOwl2LlamaForCausalLM(config).save_pretrained(place)
