"""Numbers and sizes as the report gives them."""

import pytest

from autorater_evals.report.thumbnails import Small, choose_side
from autorater_evals.report.wording import measure_words, number


@pytest.mark.parametrize(
    ("measure", "shown"),
    [
        ("accuracy_half", "41.7"),
        ("first_rate", "41.7"),
        ("concordance", "41.7"),
        ("share_of_yes", "41.7"),
        ("percent_agreement", "41.7"),
        ("spearman", "0.417"),
        ("cohen_kappa", "0.417"),
        ("brier_score", "0.417"),
        ("split_half", "0.417"),
    ],
)
def test_shares_are_told_in_percent_and_coefficients_are_not(measure: str, shown: str) -> None:
    assert number(5 / 12, measure) == shown
    assert measure_words(measure).endswith("(%)") == ("." in shown[1:3] and shown[0] != "0")


def sized(characters: int) -> Small:
    """A picture of so many characters at 10 pixels a side, and so in proportion."""
    return lambda side: "x" * (characters * side // 10)


@pytest.mark.parametrize("first", [10, 1000])
def test_the_side_is_judged_from_pictures_of_all_places(first: int) -> None:
    """Of 63 pictures half are large; whichever half comes first, they are expected to take the same."""
    pictures = [sized(first)] * 32 + [sized(1010 - first)] * 31
    assert choose_side(pictures, budget=35_000, sides=(20, 10, 5)) == 10
    assert choose_side([], budget=0, sides=(20, 10)) == 20
