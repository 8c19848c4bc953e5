"""Q-ReAlign against the short example of its README, on a Qwen3.5 of random weights."""

from pathlib import Path
from typing import Any, cast

import pytest

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("torchvision")

from tiny_lmm import ask_library, build_q_realign, images, pictures  # noqa: E402

from autorater.assessment import Measured  # noqa: E402
from autorater.errors import SpecialistError  # noqa: E402
from autorater.toolbox import View, checked  # noqa: E402
from autorater_tools._weights import own_card  # noqa: E402
from autorater_tools.q_realign import QRealign  # noqa: E402


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("q_realign")
    build_q_realign(folder)
    return folder


def readme(folder: Path, image: Any, noun: str) -> tuple[float, float]:
    """Level and mass, computed as the README does it."""
    question = f"How would you rate the {noun} of this image?"
    processor, model, inputs = ask_library(folder, image, question, begun=f"The {noun} of the image is")
    levels = ["excellent", "good", "fair", "poor", "bad"]
    ids = [processor.tokenizer(f" {word}", add_special_tokens=False)["input_ids"][0] for word in levels]
    with torch.inference_mode():
        logits = model(**inputs).logits[0, -1]
    shares = logits[ids].softmax(-1)
    return float((shares * torch.tensor([1, 0.75, 0.5, 0.25, 0])).sum()), float(logits.softmax(-1)[ids].sum())


@pytest.mark.parametrize("task", ["quality", "aesthetics"])
def test_gives_what_the_readme_gives(store: Path, task: str) -> None:
    specialist = QRealign(weights=store, task=task)
    views = [View(image=picture) for picture in pictures()]
    for outcomes in (specialist(views), [specialist([view])[0] for view in views]):
        for outcome, image in zip(outcomes, images(), strict=True):
            found = cast(Measured, checked(own_card("q_realign"), outcome))
            expected = readme(store / "lite-4b", image, task)
            assert [reading.value for reading in found.readings] == pytest.approx(expected, abs=1e-4)


def test_the_tasks_differ(store: Path) -> None:
    view = View(image=pictures()[0])
    assert QRealign(weights=store)([view]) != QRealign(weights=store, task="aesthetics")([view])


def test_a_missing_variant_is_named(store: Path) -> None:
    with pytest.raises(SpecialistError, match="'pro-9b' is no checkpoint"):
        QRealign(weights=store, variant="pro-9b")
