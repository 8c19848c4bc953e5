"""The measures that run through pyiqa: on random tensors in its real code, with nothing downloaded and nothing run."""

import logging
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import cards, data_set, photograph, small, values
from calibration_official import official

from autorater.assessment import Measured
from autorater.errors import SpecialistError
from autorater.image import open_picture
from autorater.toolbox import View

torch = pytest.importorskip("torch")
if cards()["iqa_vif"].missing():
    pytest.skip("pyiqa needs the extra iqa", allow_module_level=True)

from tiny_weights import tiny_weights  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from autorater_tools._pyiqa import to_tensor  # noqa: E402
from autorater_tools.iqa_dists import IqaDists  # noqa: E402
from autorater_tools.iqa_lpips import IqaLpips  # noqa: E402
from autorater_tools.iqa_musiq import IqaMusiq  # noqa: E402
from autorater_tools.iqa_nima import IqaNima  # noqa: E402
from autorater_tools.iqa_q_align import IqaQAlign  # noqa: E402

FILES = {
    "iqa_musiq": "musiq_koniq_ckpt-e95806b9.pth",
    "iqa_topiq_nr": "cfanet_nr_koniq_res50-9a73138b.pth",
    "iqa_topiq_iaa": "cfanet_iaa_ava_swin-393b41b4.pth",
    "iqa_nima": "NIMA_InceptionV2_ava-b0c77c00.pth",
    "iqa_clipiqa_plus": "CLIP-IQA+_learned_prompts-603f3273.pth",
    "iqa_lpips": "LPIPS_v0.1_alex-df73285e.pth",
    "iqa_dists": "DISTS_weights-f5e65c96.pth",
}


def make(name: str, folder: Path) -> Any:
    module, _, entry = cards()[name].meta.entry.partition(":")
    return getattr(import_module(module), entry)(weights=folder)


def copied(name: str, folder: Path) -> Path:
    """The tiny weights with links in place of the large backbones, so that one file can be changed."""
    source = tiny_weights(name)
    for path in source.rglob("*"):
        target = folder / path.relative_to(source)
        if path.is_dir():
            target.mkdir()
        elif path.name == FILES[name]:
            shutil.copyfile(path, target)
        else:
            target.symlink_to(path)
    return folder


def test_vif_equals_its_authors_values() -> None:
    root = data_set("iqa-calibration")
    for number in ("03", "19"):  # the command iqa_calibration shows all five
        found = values("iqa_vif", root / f"images/dist_I{number}.png", sources=[root / f"images/ref_I{number}.png"])
        assert round(found["fidelity"], 4) == float(official(root, "vif", number))


def test_lpips_follows_its_formula() -> None:
    """Zhang et al., 2018, equation 1: unit features, squared differences weighted by channel, mean over places."""
    folder = tiny_weights("iqa_lpips")
    backbone: dict[str, Tensor] = torch.load(folder / "checkpoints" / "alexnet-owt-7be5be79.pth", weights_only=True)
    linear: dict[str, Tensor] = torch.load(folder / FILES["iqa_lpips"], weights_only=True)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])

    def features(pixels: Any) -> list[Tensor]:
        x = torch.as_tensor(np.asarray(pixels, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        x = (x - shift[:, None, None]) / scale[:, None, None]
        maps: list[Tensor] = []
        for layer, (stride, padding) in {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}.items():
            x = functional.max_pool2d(x, 3, 2) if layer in (3, 6) else x
            weight, bias = backbone[f"features.{layer}.weight"], backbone[f"features.{layer}.bias"]
            x = functional.relu(functional.conv2d(x, weight, bias, stride, padding))
            maps.append(functional.normalize(x, dim=1))
        return maps

    one, other = small("coffee", 128).rgb(), small("chelsea", 128).rgb()
    pairs = zip(features(one), features(other), strict=True)
    expected = sum(
        float((linear[f"lin{layer}.model.1.weight"] * (left - right) ** 2).sum(1).mean())
        for layer, (left, right) in enumerate(pairs)
    )
    assert values("iqa_lpips", other, sources=[one])["distance"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["iqa_lpips", "iqa_vif"])
def test_equal_pictures_and_other_proportions(name: str) -> None:
    best = {"distance": 0, "fidelity": 1}
    found = values(name, small("coffee"), sources=[small("coffee")])
    assert found == pytest.approx({quantity: best[quantity] for quantity in found}, abs=1e-4)


def test_pictures_of_one_size_go_together_and_the_order_is_kept() -> None:
    specialist = IqaMusiq(weights=tiny_weights("iqa_musiq"))
    shapes = [(100, 80), (64, 64), (100, 80), (20, 200), (64, 64)]
    names = ("astronaut", "coffee", "chelsea", "coffee", "astronaut")
    pictures = [open_picture(photograph(name).resize(size)) for name, size in zip(names, shapes, strict=True)]
    together = specialist([View(image=picture) for picture in pictures])
    alone = [specialist([View(image=picture)])[0] for picture in pictures]
    assert [isinstance(outcome, Measured) for outcome in together] == [True, True, True, False, True]
    for one, other in zip(together, alone, strict=True):
        if isinstance(one, Measured) and isinstance(other, Measured):
            assert one.readings[0].value == pytest.approx(other.readings[0].value, abs=2e-5)


def test_nima_is_a_mean_of_marks() -> None:
    specialist = IqaNima(weights=tiny_weights("iqa_nima"))
    with torch.inference_mode():
        pixels = torch.as_tensor(np.asarray(small("coffee").rgb(), dtype=np.float32) / 255).permute(2, 0, 1)[None]
        mean, marks = specialist.metric(pixels, return_dist=True)
    assert float(marks.sum()) == pytest.approx(1, abs=1e-5)
    assert float(mean) == pytest.approx(float((marks[0] * torch.arange(1, 11)).sum()), abs=1e-4)
    assert values("iqa_nima", small("coffee"))["aesthetics"] == pytest.approx(float(mean), abs=1e-4)


@pytest.mark.parametrize("name", [name for name in FILES if name != "iqa_dists"])
def test_a_missing_file_is_named_and_nothing_is_fetched(name: str, tmp_path: Path) -> None:
    folder = copied(name, tmp_path)
    (folder / FILES[name]).unlink()
    with pytest.raises(SpecialistError, match=rf"(?s){FILES[name].replace('+', '.')} is not among.*tools pull {name}"):
        make(name, folder)


class Trap:
    """What a hostile pickle would run."""

    def __reduce__(self) -> tuple[Any, tuple[Path, str]]:
        return (Path.write_text, (Path("trap"), "sprung"))


@pytest.mark.parametrize("name", [name for name in FILES if name != "iqa_dists"])  # the way of iqa_lpips, and slow
def test_a_damaged_a_wrong_and_a_hostile_file_are_told(name: str, tmp_path: Path) -> None:
    path = copied(name, tmp_path) / FILES[name]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SpecialistError, match=f"tools pull {name}"):
        make(name, path.parent)
    torch.save({"params": {"weight": torch.zeros(2)}}, path)
    if name != "iqa_clipiqa_plus":  # whose file is one tensor
        with pytest.raises(SpecialistError, match=f"tools pull {name}"):
            make(name, path.parent)
    torch.save({"params": Trap()}, path)
    with pytest.raises(SpecialistError, match=f"tools pull {name}"):
        make(name, path.parent)
    assert not Path("trap").exists()


def test_a_missing_backbone_is_named(tmp_path: Path) -> None:
    for made, file in (
        (IqaLpips, "checkpoints/alexnet-owt-7be5be79.pth"),
        (IqaDists, "checkpoints/vgg16-397923af.pth"),
    ):
        shutil.copyfile(tiny_weights("iqa_lpips") / FILES["iqa_lpips"], tmp_path / FILES["iqa_lpips"])
        shutil.copyfile(tiny_weights("iqa_dists") / FILES["iqa_dists"], tmp_path / FILES["iqa_dists"])
        with pytest.raises(SpecialistError, match=file):
            made(weights=tmp_path)


def test_the_process_is_as_before_and_nothing_is_said(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    hub: Any = torch.hub
    download: Any = import_module("pyiqa.utils.download_util")
    before = hub.get_dir(), torch.load, download.DEFAULT_CACHE_DIR, download.download_url_to_file
    with caplog.at_level(logging.INFO):
        IqaMusiq(weights=tiny_weights("iqa_musiq"))
    assert (hub.get_dir(), torch.load, download.DEFAULT_CACHE_DIR, download.download_url_to_file) == before
    assert capsys.readouterr() == ("", "")


def test_q_align_weighs_the_five_words_and_leaves_llama_alone(tmp_path: Path) -> None:
    llama: Any = import_module("transformers.models.llama.modeling_llama")
    before = {**llama.__dict__}, llama.LlamaModel.forward, llama.LlamaForCausalLM.forward, list(sys.path)
    specialist = IqaQAlign(weights=tiny_weights("iqa_q_align"))
    assert ({**llama.__dict__}, llama.LlamaModel.forward, llama.LlamaForCausalLM.forward, list(sys.path)) == before
    picture = small("coffee")
    outcome = specialist([View(image=picture)])[0]
    assert isinstance(outcome, Measured)
    assert [reading.quantity for reading in outcome.readings] == ["quality", "aesthetics"]
    with torch.inference_mode():
        network = specialist.network
        pixels = network.preprocess(to_tensor(np.asarray(picture.rgb())))
        logits = network.model.score(None, image_tensor=pixels, task_="quality", return_dict=True)["logits"][0]
    expected = float((logits.float().softmax(-1) * torch.tensor([5.0, 4, 3, 2, 1])).sum())
    assert outcome.readings[0].value == pytest.approx(expected, abs=5e-3)  # the package adds in half precision
    with pytest.raises(SpecialistError, match="one-align/ is not among"):
        IqaQAlign(weights=tmp_path)
    shutil.copytree(tiny_weights("iqa_q_align"), tmp_path, dirs_exist_ok=True)
    path = tmp_path / "one-align" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SpecialistError, match="tools pull iqa_q_align"):
        IqaQAlign(weights=tmp_path)


def test_none_is_for_commercial_use() -> None:
    ours = [card for name, card in cards().items() if name.startswith("iqa_")]
    assert len(ours) >= 8
    assert not any(card.meta.commercial for card in ours)


def test_no_measure_of_the_package_changes_llama_for_other_models() -> None:
    """In a process of its own: here another test may have imported the package before."""
    told = """
from importlib import import_module
from autorater.vision_ops import allow_torchvision
allow_torchvision()
llama = import_module("transformers.models.llama.modeling_llama")
before = {**llama.__dict__}, llama.LlamaModel.forward, llama.LlamaForCausalLM.forward
from autorater_tools._pyiqa import load_metric
load_metric("vif", card="iqa_vif")
assert ({**llama.__dict__}, llama.LlamaModel.forward, llama.LlamaForCausalLM.forward) == before
transformers = import_module("transformers")
assert transformers.LlamaConfig.__module__ == "transformers.models.llama.configuration_llama"
assert transformers.AutoConfig.for_model("llama").__class__ is transformers.LlamaConfig
"""
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
