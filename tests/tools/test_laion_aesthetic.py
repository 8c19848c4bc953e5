"""LAION's aesthetic predictor on tiny weights named as in its author's file, against the formula in numpy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from asking import cards, small
from tiny_blip import LAYERS, build_laion

from autorater.assessment import Measured
from autorater.errors import SpecialistError
from autorater.toolbox import View, checked
from autorater_tools._clip import to_pixels
from autorater_tools.laion_aesthetic import FILE, LaionAesthetic


def test_the_score_is_the_linear_layers_on_the_unit_embedding(tmp_path: Path) -> None:
    clip = build_laion(tmp_path)
    state = {name: one.double().numpy() for name, one in torch.load(tmp_path / FILE, weights_only=True).items()}
    aesthetic = LaionAesthetic(weights=tmp_path)
    scores: set[float] = set()
    for name in ("astronaut", "coffee", "chelsea"):
        picture = small(name, 64)
        with torch.no_grad():
            features = clip.get_image_features(pixel_values=to_pixels(picture.rgb(), 32)[None]).pooler_output[0]
        x = features.double().numpy()
        x = x / np.linalg.norm(x)
        for number in LAYERS:
            x = state[f"layers.{number}.weight"] @ x + state[f"layers.{number}.bias"]
        outcome = checked(cards()["laion_aesthetic"], aesthetic([View(picture)])[0])
        assert isinstance(outcome, Measured), outcome
        assert outcome.readings[0].value == pytest.approx(float(x[0]), abs=1e-5)
        scores.add(round(outcome.readings[0].value, 3))
    assert len(scores) == 3


def test_a_batch_gives_what_each_view_gives_alone(tmp_path: Path) -> None:
    build_laion(tmp_path)
    aesthetic = LaionAesthetic(weights=tmp_path)
    views = [View(small("astronaut", 50 + n)) for n in range(5)]
    together = aesthetic(views)
    assert [aesthetic([View(small("astronaut", 50 + n))])[0] for n in range(5)] == together


@pytest.mark.parametrize("name", ["layers.7.weight", "layers.0.bias"])
def test_a_head_that_lacks_a_tensor_is_refused(tmp_path: Path, name: str) -> None:
    build_laion(tmp_path)
    state = torch.load(tmp_path / FILE, weights_only=True)
    del state[name]
    torch.save(state, tmp_path / FILE)
    with pytest.raises(SpecialistError, match=f"lacks {name}"):
        LaionAesthetic(weights=tmp_path)


def test_a_page_instead_of_the_head_is_told(tmp_path: Path) -> None:
    build_laion(tmp_path)
    (tmp_path / FILE).write_text("<html>404</html>")
    with pytest.raises(SpecialistError, match="cannot be read as weights"):
        LaionAesthetic(weights=tmp_path)
