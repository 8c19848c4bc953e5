"""'Did you mean'."""

import pytest

from autorater.suggest import did_you_mean


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("niqqe", "did you mean 'niqe'? known: brisque, niqe"),
        ("briskue", "did you mean 'brisque'? known: brisque, niqe"),
        ("elephant", "known: brisque, niqe"),
        ("", "known: brisque, niqe"),
    ],
)
def test_the_nearest_name_is_offered_and_all_are_told(name: str, phrase: str) -> None:
    assert did_you_mean(name, ["niqe", "brisque"]) == phrase


def test_nothing_is_known() -> None:
    assert did_you_mean("niqe", []) == "known: none"


def test_of_many_names_the_nearest_are_told() -> None:
    names = [f"metric_{letter}" for letter in "abcdefghijklmnopqrst"] + ["niqe"]
    told = did_you_mean("niqqe", names)
    assert told.startswith("did you mean 'niqe'? known: ")
    assert told.endswith(" and 9 more")
    assert told.count(",") == 11
