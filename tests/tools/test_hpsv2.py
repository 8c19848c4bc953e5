"""HPSv2 on tiny weights named as in its authors' file: against open_clip's own forward pass on the same weights."""

import gzip
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from asking import cards, small
from PIL import Image
from tiny_clip import build_hpsv2, build_open_clip

from autorater.assessment import Measured
from autorater.errors import SpecialistError
from autorater.image import open_picture
from autorater.toolbox import View, checked
from autorater.vision_ops import allow_torchvision
from autorater_tools._clip import DEVIATION, MEAN, load_words
from autorater_tools._open_clip import build, to_transformers
from autorater_tools.hpsv2 import FILES, HEADS, Hpsv2, whole

PROMPTS = ("a cat on a table", "An astronaut, smiling", "x" * 90)


def test_the_converted_model_is_open_clips() -> None:
    """Unit embeddings of pictures and texts agree to 1e-5."""
    theirs = build_open_clip()
    ours = build(theirs.state_dict(), device="cpu", source="tiny", heads=HEADS, activation="gelu")
    random = torch.Generator().manual_seed(3)
    side = theirs.visual.image_size[0]
    pixels = torch.randn(3, 3, side, side, generator=random)
    ids = torch.randint(1, theirs.vocab_size - 2, (3, 77), generator=random)
    for row, end in enumerate((5, 40, 76)):
        ids[row, end], ids[row, end + 1 :] = theirs.vocab_size - 1, 0
    with torch.no_grad():
        pairs = (
            (theirs.encode_image(pixels), ours.get_image_features(pixel_values=pixels).pooler_output),
            (theirs.encode_text(ids), ours.get_text_features(input_ids=ids).pooler_output),
        )
    for wanted, got in pairs:
        wanted, got = (torch.nn.functional.normalize(one, dim=-1) for one in (wanted, got))
        assert wanted.std() > 0.01
        assert (wanted - got).abs().max() < 1e-5


def prepared(image: Image.Image, side: int) -> Any:
    """As hpsv2 1.2.0 prepares pictures: ToTensor, its ResizeMaxSize, Normalize, by today's torchvision."""
    allow_torchvision()
    transforms: Any = pytest.importorskip("torchvision.transforms.functional")
    pixels = transforms.to_tensor(image)
    scale = side / max(image.size)
    high, wide = (round(length * scale) for length in (image.height, image.width))
    if scale != 1:
        pixels = transforms.resize(pixels, [high, wide], transforms.InterpolationMode.BICUBIC)
    down, across = side - high, side - wide
    borders = [across // 2, down // 2, across - across // 2, down - down // 2]
    return transforms.normalize(transforms.pad(pixels, borders, fill=0), MEAN, DEVIATION)


@pytest.mark.parametrize("size", [(640, 480), (300, 500), (224, 224), (100, 30), (224, 101)])
def test_pictures_are_seen_whole_as_the_authors_prepare_them(size: tuple[int, int]) -> None:
    image = small("coffee").rgb().resize(size)
    assert (whole(image, 224) - prepared(image, 224)).abs().max() < 1e-5


def test_a_ribbon_has_at_least_one_pixel() -> None:
    assert whole(Image.new("RGB", (4000, 2), "white"), 224).shape == (3, 224, 224)


@pytest.mark.parametrize("version", ["v2.0", "v2.1"])
def test_the_score_is_the_cosine_of_open_clip(tmp_path: Path, version: str) -> None:
    theirs = build_hpsv2(tmp_path, version=version)
    hpsv2 = Hpsv2(weights=tmp_path, version=version)
    words = load_words(tmp_path / "words")
    for prompt in PROMPTS:
        picture = open_picture(small("astronaut", 50).rgb().resize((60, 40)))
        ids = words(prompt, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
        pixels = prepared(picture.rgb(), theirs.visual.image_size[0])[None]
        with torch.no_grad():
            features = theirs.encode_image(pixels), theirs.encode_text(ids)
        cosine = torch.nn.functional.cosine_similarity(*features)
        outcome = checked(cards()["hpsv2"], hpsv2([View(image=picture, prompt=prompt)])[0])
        assert isinstance(outcome, Measured), outcome
        assert outcome.readings[0].value == pytest.approx(float(cosine), abs=1e-5)
        assert ("was cut" in outcome.text) == (len(prompt) > 75)


def test_no_bar_is_drawn_in_the_way_of_ours(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build_hpsv2(tmp_path)
    capfd.readouterr()
    Hpsv2(weights=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_the_tokens_are_those_of_open_clip() -> None:
    """On the real vocabulary, which open_clip's package ships."""
    from transformers import CLIPTokenizer

    open_clip: Any = pytest.importorskip("open_clip")
    packaged = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    merges = gzip.decompress(packaged.read_bytes()).decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    theirs = open_clip.SimpleTokenizer()
    special = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {special.get(name, name): number for name, number in theirs.encoder.items()}
    ours = cast("Any", CLIPTokenizer)(vocab=vocabulary, merges=[tuple(line.split()) for line in merges])
    for text in ("A cat on a table", "an astronaut's 3 cats,  smiling!", "long " * 100, "Über-cool 4k #art ☺"):
        wanted = [int(one) for one in theirs([text])[0] if int(one)]
        assert list(ours(text, truncation=True, max_length=77).input_ids) == wanted


def test_the_card_and_the_module_name_the_same_files() -> None:
    named = {str(one.when.get("version")): one.file for one in cards()["hpsv2"].meta.weights if one.when}
    assert named == FILES


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"visual.ln_post.weight": None}, "lacks vision_model.post_layernorm.weight"),
        ({"reward.weight": torch.zeros(2)}, "has reward.weight, which no part"),
        ({"visual.conv1.weight": None}, "lacks visual.conv1.weight"),
        ({"visual.positional_embedding": torch.zeros(7, 160)}, "no CLIP on square pictures"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    build_hpsv2(tmp_path)
    file = tmp_path / FILES["v2.1"]
    state = {**torch.load(file, weights_only=True)["state_dict"], **change}
    torch.save({"state_dict": {name: value for name, value in state.items() if value is not None}}, file)
    with pytest.raises(SpecialistError, match=told):
        Hpsv2(weights=tmp_path)


def test_the_mask_that_old_files_hold_is_computed() -> None:
    state = {**build_open_clip().state_dict(), "attn_mask": torch.zeros(77, 77)}
    assert "attn_mask" not in to_transformers(state)


def test_a_truncated_file_is_told(tmp_path: Path) -> None:
    build_hpsv2(tmp_path)
    file = tmp_path / FILES["v2.1"]
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(SpecialistError, match=r"HPS_v2.1_compressed.pt cannot be read as weights"):
        Hpsv2(weights=tmp_path)
