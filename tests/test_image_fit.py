"""What is sent of an image: the original bytes when they fit, else the one documented re-encoding."""

import base64
import hashlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import jpeg, noise
from PIL import Image

from autorater.errors import ImageError, UsageError
from autorater.image import Fit, Picture, Sent, fit, open_picture


def check(picture: Picture, limits: Fit) -> Sent:
    """What must hold of anything that is sent."""
    sent = fit(picture, limits)
    seen = Image.open(io.BytesIO(sent.data))
    assert seen.size == (sent.width, sent.height)
    assert max(seen.size) <= limits.max_side
    assert seen.width * seen.height <= limits.max_pixels
    assert len(sent.data) <= limits.max_bytes
    assert sent.media_type in limits.formats
    assert sent.media_type == Image.MIME[seen.format or ""]
    assert sent.sha256 == hashlib.sha256(sent.data).hexdigest()
    assert base64.b64decode(sent.base64()) == sent.data
    assert bool(sent.change) == (sent.data != picture.data)
    assert fit(picture, limits) is sent
    assert fit(open_picture(sent.data), limits).data == sent.data
    return sent


@given(
    width=st.integers(1, 3000),
    height=st.integers(1, 3000),
    side=st.integers(1, 4000),
    pixels=st.integers(1, 4_000_000),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_size_fits_any_limit(width: int, height: int, side: int, pixels: int) -> None:
    limits = Fit(max_side=side, max_pixels=pixels)
    sent = check(open_picture(Image.new("L", (width, height), 99)), limits)
    scale = min(1.0, side / max(width, height), (pixels / (width * height)) ** 0.5)
    if min(width, height) * scale >= 1:
        # The largest such size: never more than one pixel below the exact proportion.
        assert 0 <= width * scale - sent.width + 1e-6 < 1.001
        assert 0 <= height * scale - sent.height + 1e-6 < 1.001


@given(height=st.integers(1, 60), width=st.integers(1, 60), room=st.integers(900, 12_000))
@settings(max_examples=40, deadline=None)
def test_any_limit_on_bytes(height: int, width: int, room: int) -> None:
    check(open_picture(noise(height, width)), Fit(max_bytes=room))


@pytest.mark.parametrize(("width", "side", "expected"), [(3000, 768, 768), (1999, 333, 333), (4097, 4096, 4096)])
def test_the_long_side_lands_on_the_limit(width: int, side: int, expected: int) -> None:
    sent = check(open_picture(Image.new("L", (width, 50))), Fit(max_side=side))
    assert sent.width == expected
    assert sent.change == f"resized from {width}x50 to {sent.width}x{sent.height} (Lanczos)"


def test_lossless_when_it_fits_else_jpeg_else_smaller() -> None:
    picture = open_picture(noise(100, 100))
    assert check(picture, Fit(max_bytes=60_000)).data == picture.data
    middle = check(picture, Fit(max_bytes=25_000))
    assert (middle.media_type, middle.width) == ("image/jpeg", 100)
    assert middle.change == "re-encoded from image/png to image/jpeg"
    small = check(picture, Fit(max_bytes=5_000))
    assert small.width < 100
    assert "resized from 100x100" in small.change
    lossless = check(picture, Fit(formats=("image/png",), max_bytes=5_000))
    assert lossless.media_type == "image/png"


def test_a_jpeg_that_fits_is_never_encoded_again() -> None:
    data = jpeg()
    assert check(open_picture(data), Fit(max_side=64, max_pixels=64 * 64, max_bytes=len(data))).data == data
    for limits in (Fit(max_side=63), Fit(max_pixels=64 * 64 - 1), Fit(max_bytes=len(data) - 1)):
        assert check(open_picture(data), limits).data != data
    only_png = check(open_picture(data), Fit(formats=("image/png",)))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(only_png.data))), open_picture(data).array())
    assert only_png.change == "re-encoded from image/jpeg to image/png"


def test_a_thin_strip_and_an_impossible_limit() -> None:
    strip = open_picture(noise(2, 3000))
    sent = check(strip, Fit(max_bytes=2_000))
    assert sent.width < 3000
    with pytest.raises(ImageError, match="cannot be made smaller than 10 bytes: raise the limit"):
        fit(strip, Fit(max_bytes=10))


def test_the_rule_is_text_and_names_every_limit() -> None:
    limits = Fit(formats=("image/png", "image/jpeg"), max_side=10, max_pixels=20, max_bytes=30)
    assert limits.rule() == "png+jpeg;side<=10;pixels<=20;bytes<=30"
    assert len({Fit().rule(), limits.rule(), Fit(max_side=9).rule(), Fit(formats=("image/png",)).rule()}) == 4


@pytest.mark.parametrize("wrong", [{"formats": ("image/webp",)}, {"max_side": 0}, {"max_pixels": 0}, {"max_bytes": 0}])
def test_limits_that_nothing_can_meet(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Fit(**wrong)
