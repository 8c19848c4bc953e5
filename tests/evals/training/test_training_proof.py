"""That a set trains: a label that only the pictures tell is learnt, and from rows with reordered images it is not."""

from pathlib import Path

import pytest

from autorater_evals.training.proof import SETTINGS, Judged, Kept, prepare, train_and_judge

QUICK = SETTINGS.model_copy(update={"steps": 260})


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return prepare(tmp_path_factory.mktemp("proof"), held_out=40)


def values(one: Judged) -> tuple[float, float, float]:
    found = (one.given.value, one.swapped.value, one.both.value)
    assert None not in found
    assert one.given.n == one.given.total == 40
    return tuple(value for value in found if value is not None)  # type: ignore[return-value]


def by_chance(one: Judged) -> bool:
    """Whether 0.5 is inside the 95 % interval of both orders."""
    intervals = (one.given.interval, one.swapped.interval)
    return all(found is not None and found.low <= 0.5 <= found.high for found in intervals)


def test_a_label_that_only_the_pictures_tell_is_learnt(kept: Kept, tmp_path: Path) -> None:
    seen, grey = train_and_judge(kept, tmp_path, "none", QUICK)
    assert min(values(seen)) >= 0.95
    assert by_chance(grey)


@pytest.mark.parametrize("fault", ["reordered"])
def test_rows_whose_images_are_not_where_the_text_names_them_teach_nothing(
    kept: Kept, tmp_path: Path, fault: str
) -> None:
    seen, _ = train_and_judge(kept, tmp_path, fault, QUICK)  # type: ignore[arg-type]
    assert by_chance(seen)
    assert values(seen)[2] < 0.5
