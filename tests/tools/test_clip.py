"""CLIP's preprocessing, PickScore and CLIPScore: against transformers' own way of calling the same weights."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from asking import cards, small
from PIL import Image
from tiny_clip import LIMIT, SIDE, build_clip

from autorater.assessment import Measured, Outcome
from autorater.errors import SpecialistError
from autorater.image import open_picture
from autorater.toolbox import Specialist, View, checked

pytest.importorskip("transformers")

from transformers import CLIPImageProcessorPil, CLIPTokenizer

from autorater_tools._clip import Clip, central_square, load_clip, to_pixels
from autorater_tools.clipscore import Clipscore
from autorater_tools.pickscore import Pickscore

PROMPTS = ("a cat on a table", "An astronaut, smiling", "two cups of coffee")


def value(outcome: Outcome) -> float:
    assert isinstance(outcome, Measured), outcome
    return outcome.readings[0].value


def reference(folder: Path, words: Path, image: Image.Image, text: str) -> tuple[float, float]:
    """The cosine and exp(logit_scale) * cosine as transformers' own processor, tokenizer and forward pass give them."""
    from transformers import CLIPModel

    model = cast("Any", CLIPModel).from_pretrained(folder, use_safetensors=False).eval()
    processor = cast("Any", CLIPImageProcessorPil)(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    )
    tokens = cast("Any", CLIPTokenizer).from_pretrained(words)(
        [text], padding=True, truncation=True, max_length=77, return_tensors="pt"
    )
    pixels = processor(images=[image], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        output = model(pixel_values=pixels, **tokens)
    cosine = float((output.image_embeds * output.text_embeds).sum())
    assert float(output.logits_per_image) == pytest.approx(float(model.logit_scale.detach().exp()) * cosine, abs=1e-4)
    return cosine, float(output.logits_per_image)


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (97, 64), (64, 201), (31, 17), (500, 33), (224, 224)])
@pytest.mark.parametrize("floor", [False, True])
def test_the_square_is_the_resized_and_cropped_picture(size: tuple[int, int], floor: bool) -> None:
    """Against the libraries' resize and crop, to one level of 255 in the rounding."""
    random = np.random.default_rng(1)
    image = Image.fromarray(random.integers(0, 256, (*reversed(size), 3), dtype=np.uint8))
    side = 32
    resized = [side if length == min(size) else int(side * length / min(size)) for length in size]
    left, top = ((length - side) // 2 if floor else round((length - side) / 2) for length in resized)
    whole = image.resize((resized[0], resized[1]), Image.Resampling.BICUBIC)
    wanted = np.asarray(whole.crop((left, top, left + side, top + side)), dtype=int)
    assert np.abs(np.asarray(central_square(image, side, floor=floor), dtype=int) - wanted).max() <= 1
    if floor:
        processor = cast("Any", CLIPImageProcessorPil)(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        )
        theirs = processor(images=[image], return_tensors="pt")["pixel_values"][0]
        assert (to_pixels(image, side, floor=True) - theirs).abs().max() <= 1 / 255 / 0.26


def test_a_ribbon_needs_no_more_memory_than_a_square() -> None:
    assert central_square(Image.new("RGB", (60_000, 2), "red"), 224).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("size", [(64, 64), (90, 61)])
def test_pickscore_equals_the_official_call(tmp_path: Path, size: tuple[int, int]) -> None:
    build_clip(tmp_path / "model", words=tmp_path / "words")
    picture = open_picture(small("astronaut").rgb().resize(size))
    for prompt in PROMPTS:
        outcome = Pickscore(weights=tmp_path)([View(image=picture, prompt=prompt)])[0]
        _, logit = reference(tmp_path / "model", tmp_path / "words", picture.rgb(), prompt)
        assert value(checked(cards()["pickscore"], outcome)) == pytest.approx(logit, abs=0.01)


def test_differences_of_pickscores_are_preferences() -> None:
    """The vector of the recipe: 22 against 21 is 0.731 against 0.269."""
    shares = torch.softmax(torch.tensor([22.0, 21.0]), 0)
    assert [float(share) for share in shares] == pytest.approx([0.731059, 0.268941], abs=1e-6)


@pytest.mark.parametrize("prefix", [True, False])
def test_clipscore_is_the_weighted_cosine(tmp_path: Path, prefix: bool) -> None:
    folder = tmp_path / "base-patch32"
    build_clip(folder)
    clipscore = Clipscore(weights=tmp_path, prefix=prefix)
    signs: set[bool] = set()
    for name in ("astronaut", "coffee", "chelsea"):
        for prompt in PROMPTS:
            picture = small(name, 64)
            outcome = checked(cards()["clipscore"], clipscore([View(image=picture, prompt=prompt)])[0])
            text = f"A photo depicts {prompt}" if prefix else prompt
            cosine, _ = reference(folder, folder, picture.rgb(), text)
            assert value(outcome) == pytest.approx(2.5 * max(cosine, 0), abs=0.001)
            signs.add(cosine > 0)
    assert True in signs


def test_every_variant_of_the_card_lies_in_its_own_folder(tmp_path: Path) -> None:
    variants = next(option for option in cards()["clipscore"].meta.options if option.name == "variant").choices
    assert {weights.file for weights in cards()["clipscore"].meta.weights} == {f"{variant}/" for variant in variants}
    build_clip(tmp_path / "large-patch14", safe=True)
    assert Clipscore(weights=tmp_path, variant="large-patch14").clip.side == SIDE


def views(count: int) -> list[View]:
    names = ("astronaut", "coffee", "chelsea")
    return [View(image=small(names[n % 3], 40 + n), prompt=PROMPTS[n % 2]) for n in range(count)]


def test_a_batch_gives_what_each_view_gives_alone(tmp_path: Path) -> None:
    build_clip(tmp_path / "model", words=tmp_path / "words")
    pickscore: Specialist = Pickscore(weights=tmp_path)
    together = [value(outcome) for outcome in pickscore(views(20))]
    alone = [value(pickscore([view])[0]) for view in reversed(views(20))]
    assert together == pytest.approx(alone[::-1], abs=1e-4)
    assert len({round(score, 6) for score in together}) > 10


class Counting:
    """A CLIP model that counts how many pictures and texts it embeds."""

    def __init__(self, model: Any) -> None:
        self.model, self.config, self.dtype = model, model.config, model.dtype
        self.pictures = self.texts = 0

    def get_image_features(self, pixel_values: torch.Tensor) -> Any:
        self.pictures += len(pixel_values)
        return self.model.get_image_features(pixel_values=pixel_values)

    def get_text_features(self, input_ids: torch.Tensor) -> Any:
        self.texts += len(input_ids)
        return self.model.get_text_features(input_ids=input_ids)


def test_pictures_and_texts_are_embedded_once(tmp_path: Path) -> None:
    build_clip(tmp_path)
    loaded = load_clip(tmp_path, device="cpu")
    counting = Counting(loaded.model)
    clip = Clip(counting, loaded.tokenizer, device="cpu", key="counting")
    picture = small("coffee", 48)
    first = clip.cosines([View(image=picture, prompt=prompt) for prompt in PROMPTS])
    assert clip.cosines([View(image=picture, prompt=PROMPTS[0])])[0][0] == first[0][0]
    clip.cosines([View(image=picture, prompt=prompt) for prompt in PROMPTS])
    assert (counting.pictures, counting.texts) == (1, 3)
    for number in range(300):
        clip.text(str(number))
    assert len(clip.texts) == 256


def test_a_long_prompt_is_cut_and_that_is_told(tmp_path: Path) -> None:
    build_clip(tmp_path / "model", words=tmp_path / "words")
    pickscore = Pickscore(weights=tmp_path)
    picture = small("coffee", 64)
    prompts = ("x" * (LIMIT - 2), "x" * (LIMIT - 1), "x" * 90 + "y")
    short, over, long = (pickscore([View(image=picture, prompt=prompt)])[0] for prompt in prompts)
    assert isinstance(short, Measured)
    assert not short.text
    assert isinstance(over, Measured)
    assert over.text == "The prompt has 78 tokens and was cut: the score is for its first 77 tokens."
    assert isinstance(long, Measured)
    assert "93 tokens" in long.text
    _, logit = reference(tmp_path / "model", tmp_path / "words", picture.rgb(), prompts[2])
    assert value(long) == pytest.approx(logit, abs=0.01)


def test_a_view_without_prompt_is_refused(tmp_path: Path) -> None:
    build_clip(tmp_path / "base-patch32")
    with pytest.raises(SpecialistError, match="a prompt is needed"):
        Clipscore(weights=tmp_path)([View(image=small("coffee"))])


def spoil(folder: Path, how: str) -> None:
    file = folder / "pytorch_model.bin"
    state: dict[str, Any] = torch.load(file, weights_only=True)
    if how == "truncated":
        file.write_bytes(file.read_bytes()[:2000])
    elif how == "lacking":
        torch.save({name: tensor for name, tensor in state.items() if "text_projection" not in name}, file)
    elif how == "exceeding":
        torch.save({**state, "reward_head.weight": torch.zeros(1)}, file)
    elif how == "code":
        torch.save({**state, "more": Path}, file)
    else:
        file.unlink()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("truncated", "tools pull"),
        ("lacking", "lacks text_projection.weight: it is of another"),
        ("exceeding", "has reward_head.weight, which no part of the model takes"),
        ("code", "tools pull"),
        ("absent", "tools pull"),
    ],
)
def test_wrong_weights_are_named(tmp_path: Path, how: str, told: str) -> None:
    build_clip(tmp_path / "base-patch32")
    spoil(tmp_path / "base-patch32", how)
    with pytest.raises(SpecialistError, match=told) as caught:
        Clipscore(weights=tmp_path)
    assert "\n" not in str(caught.value)


def test_old_checkpoints_may_hold_positions(tmp_path: Path) -> None:
    """OpenAI's files on the hub hold the numbers of the positions, which newer libraries compute."""
    build_clip(tmp_path / "base-patch32")
    file = tmp_path / "base-patch32" / "pytorch_model.bin"
    state: dict[str, Any] = torch.load(file, weights_only=True)
    torch.save({**state, "text_model.embeddings.position_ids": torch.arange(77)[None]}, file)
    assert Clipscore(weights=tmp_path).clip.limit == 77


def test_the_scale_is_that_of_float32_also_in_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(device: str) -> torch.dtype:
        return torch.float16

    monkeypatch.setattr("autorater_tools._clip.precision", half)
    model = build_clip(tmp_path / "model", words=tmp_path / "words")
    clip = Pickscore(weights=tmp_path).clip
    assert clip.model.dtype == torch.float16
    wanted = float(model.logit_scale.detach().exp())
    assert abs(float(clip.model.logit_scale.detach().float().exp()) - wanted) > 1e-3
    assert clip.scale == pytest.approx(wanted, rel=1e-6)
