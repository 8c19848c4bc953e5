"""LMM4LMM against its inference code as it is written down here, on an InternVL of random weights."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("torchvision")

from safetensors.torch import load, save  # noqa: E402
from tiny_lmm import ask_library, build_lmm4lmm, images, pictures  # noqa: E402

from autorater.assessment import Measured  # noqa: E402
from autorater.errors import SpecialistError  # noqa: E402
from autorater.toolbox import View, checked  # noqa: E402
from autorater_tools._weights import own_card  # noqa: E402
from autorater_tools.lmm4lmm import Lmm4Lmm  # noqa: E402

CORRESPONDENCE = (
    "How would you rate the correspondence of this image and its prompt? prompt: a red cat",
    "The correspondence of the image and its prompt is",
)
PERCEPTION = ("How would you rate the quality of this image?", "The quality of the image is")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lmm4lmm")
    build_lmm4lmm(folder)
    shutil.copytree(folder / "correspondence", folder / "perception")
    shutil.copy(folder / "correspondence.safetensors", folder / "perception.safetensors")
    return folder


def official(folder: Path, image: Any, question: str, start: str, *, level: str) -> float:
    """The head reads the fourth state from the end of the whole exchange: "is" before "LEVEL . <|im_end|>"."""
    exchange = f"{start} {level}.<|im_end|>"
    _, model, inputs = ask_library(folder, image.resize((1024, 1024)), question, begun=exchange)
    with torch.inference_mode():
        states = model(**inputs, output_hidden_states=True).hidden_states[-1]
    head = load((folder.parent / f"{folder.name}.safetensors").read_bytes())
    values = states[:, -4, :]
    for index in range(1, 6):
        values = torch.relu(values @ head[f"mlpscore.fc{index}.weight"].T + head[f"mlpscore.fc{index}.bias"])
    return float(values.squeeze())


@pytest.mark.parametrize(("variant", "asked"), [("correspondence", CORRESPONDENCE), ("perception", PERCEPTION)])
def test_gives_what_the_official_code_computes(store: Path, variant: str, asked: tuple[str, str]) -> None:
    specialist = Lmm4Lmm(weights=store, variant=variant)
    prompt = "a red cat" if variant == "correspondence" else None
    views = [View(image=picture, prompt=prompt) for picture in pictures()]
    expected = [official(store / variant, image, *asked, level="excellent") for image in images()]
    assert len(set(expected)) == 3
    assert min(expected) > 0
    for outcomes in (specialist(views), [specialist([view])[0] for view in views]):
        found = [cast(Measured, checked(own_card("lmm4lmm"), outcome)) for outcome in outcomes]
        assert [one.readings[0].value for one in found] == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_the_level_word_in_the_official_exchange_does_not_matter(store: Path) -> None:
    scores = {official(store / "perception", images()[0], *PERCEPTION, level=level) for level in ("bad", "excellent")}
    assert max(scores) - min(scores) < 1e-4


def test_the_level_is_the_softmax_over_the_words(store: Path) -> None:
    specialist = Lmm4Lmm(weights=store, variant="perception")
    model = specialist.model
    squares = [images()[0].resize((1024, 1024))]
    logits = model.next_logits(squares, [model.prompt(PERCEPTION[0])], answer=PERCEPTION[1])[0]
    words = [model.tokenizer(f" {word}")["input_ids"][0] for word in ("excellent", "good", "fair", "poor", "bad")]
    shares = logits[words].softmax(-1)
    found = cast(Measured, specialist([View(image=pictures()[0])])[0])
    expected = [float((shares * torch.tensor([1, 0.75, 0.5, 0.25, 0])).sum()), float(logits.softmax(-1)[words].sum())]
    assert [reading.value for reading in found.readings[1:]] == pytest.approx(expected, abs=1e-4)


def test_pictures_are_cut_as_in_training_whatever_the_converted_checkpoint_says(store: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(store, tmp_path / "twelve")) / "perception"
    (path,) = (path for path in folder.glob("*processor_config.json") if "max_patches" in path.read_text("utf-8"))
    path.write_text(path.read_text("utf-8").replace('"max_patches": 6', '"max_patches": 12'), "utf-8")
    views = [View(image=picture) for picture in pictures()]
    found, expected = (Lmm4Lmm(weights=one, variant="perception") for one in (tmp_path / "twelve", store))
    square = [images()[0].resize((1024, 1024))]
    assert len(found.model.rows(square, [found.model.prompt(found.question)]).pixels["pixel_values"]) == 2 * 2 + 1
    assert found(views) == expected(views)


def _without(name: str) -> Callable[[Path], None]:
    def harm(file: Path) -> None:
        kept = load(file.read_bytes())
        del kept[name]
        file.write_bytes(save(kept))

    return harm


HARM: list[tuple[Callable[[Path], object], str]] = [
    (lambda file: file.unlink(), "correspondence.safetensors cannot be read"),
    (lambda file: file.write_bytes(file.read_bytes()[:100]), "correspondence.safetensors cannot be read"),
    (_without("mlpscore.fc3.bias"), r"mlpscore.fc3 is missing or does not take 16 numbers"),
    (lambda file: file.write_bytes(save({"mlpscore.fc1.weight": torch.ones(4, 7), "mlpscore.fc1.bias": torch.ones(4)})),
     r"mlpscore.fc1 is missing or does not take 32 numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("harm", "message"), HARM)
def test_a_wrong_head_is_named(store: Path, tmp_path: Path, harm: Callable[[Path], object], message: str) -> None:
    shutil.copytree(store / "correspondence", tmp_path / "correspondence")
    shutil.copy(store / "correspondence.safetensors", tmp_path)
    harm(tmp_path / "correspondence.safetensors")
    with pytest.raises(SpecialistError, match=message):
        Lmm4Lmm(weights=tmp_path)


def test_only_the_correspondence_needs_a_prompt(store: Path) -> None:
    with pytest.raises(SpecialistError, match="the prompt is needed"):
        Lmm4Lmm(weights=store)([View(image=pictures()[0])])
