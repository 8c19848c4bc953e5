"""What specialists say: quantities, readings, regions."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from autorater.assessment import Assessment, Declined, Failed, Measured, Provenance, Quantity, Reading, Region, show


@pytest.mark.parametrize(
    ("unit", "low", "high", "better", "words"),
    [
        ("1", 0, 1, "higher", "0 to 1, higher is better"),
        ("score", 0, 100, "lower", "0 to 100, lower is better"),
        ("dB", 0, None, "higher", "0 to no upper bound dB, higher is better"),
        ("px", None, 10, "neither", "no lower bound to 10 px"),
        ("px", None, None, "neither", "unbounded"),
    ],
)
def test_a_quantity_in_words(unit: str, low: Any, high: Any, better: Any, words: str) -> None:
    assert Quantity(name="q", meaning="m", unit=unit, low=low, high=high, better=better).describe() == words


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1)])
def test_bounds_are_in_order(low: float, high: float) -> None:
    with pytest.raises(ValidationError, match="is not below"):
        Quantity(name="q", meaning="m", unit="1", low=low, high=high, better="higher")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_reading_is_a_number(value: float) -> None:
    with pytest.raises(ValidationError):
        Reading(quantity="q", value=value)


@pytest.mark.parametrize("box", [(0, 0, 1.1, 1), (-0.1, 0, 1, 1), (0.5, 0, 0.4, 1), (0, 1, 1, 0), (0, 0, math.nan, 1)])
def test_a_region_lies_within_the_image(box: Any) -> None:
    with pytest.raises(ValidationError):
        Region(label="x", box=box)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1, "1"),
        (0.5, "0.5"),
        (123.456, "123.5"),
        (99.999, "100"),
        (0.00012345, "0.0001234"),
        (0.00001, "1.000e-05"),
        (999_999, "999999"),
        (1e6, "1.000e+06"),
        (-2.71828, "-2.718"),
    ],
)
def test_four_digits_are_shown(value: float, text: str) -> None:
    assert show(value) == text


@given(st.floats(-1e300, 1e300))
def test_what_is_shown_is_near_the_value(value: float) -> None:
    assert float(show(value)) == pytest.approx(value, rel=1e-3)


def test_a_value_is_found_or_absent_and_never_a_number_for_absence() -> None:
    made = Provenance(card="", settings="", device="cpu", seconds=0)
    readings = (Reading(quantity="q", value=0.0),)
    found = Assessment(specialist="s", candidate="a", outcome=Measured(readings=readings), provenance=made)
    assert (found.value("q"), found.value("r")) == (0.0, None)
    declined = found.model_copy(update={"outcome": Declined(reason="x")})
    assert (declined.value("q"), declined.absence) == (None, "declined: x")
    assert found.model_copy(update={"outcome": Failed(error="y")}).absence == "failed: y"
    assert found.absence == ""
    assert Assessment.model_validate_json(found.model_dump_json()) == found
