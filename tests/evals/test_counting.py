"""Numbers of things in sentences."""

from autorater_evals.counting import many


def test_one_thing_is_no_things() -> None:
    assert [many(number, "pair") for number in (0, 1, 2, 2000)] == ["0 pairs", "1 pair", "2 pairs", "2,000 pairs"]
