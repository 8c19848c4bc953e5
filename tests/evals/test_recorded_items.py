"""The items beside a log: another evaluation, another card and a damaged file are told apart; a cut one is noticed."""

import json
from pathlib import Path

import pytest

from autorater.errors import RecordError
from autorater_evals import open_run
from autorater_evals.benchmark import Dimension, Part
from autorater_evals.item import Item, Opinion
from autorater_evals.recorded import Header, write_items

PART = Part(name="points", kind="points", dimensions=(Dimension(name="overall", meaning="how good"),), expect={})
HEADER = Header(
    benchmark="made-up",
    title="Made up",
    card="a" * 64,
    data="b" * 64,
    licence="CC0-1.0",
    training_allowed=True,
    parts=(PART,),
    counts={"points": {"items": 5}},
    complete=True,
)
ITEMS = [
    Item(
        id=f"item{n}",
        part="points",
        prompt=f"scene {n}\u2028",
        images=(f"{n}.png",),
        cluster=str(n),
        opinions={"overall": Opinion(mean=float(n))},
    )
    for n in range(5)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_items(tmp_path, HEADER, ITEMS)
    return tmp_path


def test_a_file_that_was_cut_at_the_end_of_a_line_is_noticed_and_mended(folder: Path) -> None:
    path = folder / "benchmark.jsonl"
    whole = path.read_text(encoding="utf-8")
    for kept in range(1, 6):
        path.write_text("".join(line + "\n" for line in whole.split("\n")[:kept]), encoding="utf-8")
        with pytest.raises(RecordError, match=rf"holds {kept - 1} of its 5 items: the file was cut"):
            open_run(folder)
        write_items(folder, HEADER, ITEMS)
        assert path.read_text(encoding="utf-8") == whole
    assert list(open_run(folder).items.values()) == ITEMS


def test_an_older_file_without_the_number_of_its_items_is_read_and_goes_on(folder: Path) -> None:
    path = folder / "benchmark.jsonl"
    first, *rest = path.read_text(encoding="utf-8").split("\n")
    told = json.loads(first)
    assert told.pop("items") == 5
    path.write_text("\n".join([json.dumps(told), *rest]), encoding="utf-8")
    run = open_run(folder)
    assert (run.header.items, len(run.items)) == (None, 5)
    write_items(folder, HEADER, ITEMS)
    assert open_run(folder).header.items == 5


def test_a_sample_grows_and_does_not_shrink(folder: Path) -> None:
    smaller = HEADER.model_copy(update={"limit": 2})
    with pytest.raises(RecordError, match=r"other items \(made-up, limit None\): .* and no smaller limit, to resume"):
        write_items(folder, smaller, ITEMS[:2])
    write_items(folder / "grown", smaller, ITEMS[:2])
    write_items(folder / "grown", HEADER, ITEMS)
    assert len(open_run(folder / "grown").items) == 5


def test_an_edited_card_is_not_called_other_items(folder: Path) -> None:
    card = {"card": "c" * 64, "title": "Made up, again"}
    with pytest.raises(RecordError) as told:
        write_items(folder, HEADER.model_copy(update=card), ITEMS)
    assert "was begun with another version of the card of made-up: use that version to resume" in str(told.value)
    assert "other items" not in str(told.value)
    with pytest.raises(RecordError, match="was begun with another licence and title of made-up: use the same to resum"):
        write_items(folder, HEADER.model_copy(update={"licence": "MIT", "title": "Made down"}), ITEMS)


@pytest.mark.parametrize("change", [{"benchmark": "other"}, {"data": "d" * 64}, {"card": "c" * 64, "data": "d" * 64}])
def test_other_data_are_other_items(folder: Path, change: dict[str, str]) -> None:
    with pytest.raises(RecordError, match=r"other items \(made-up, limit None\).*another --log"):
        write_items(folder, HEADER.model_copy(update=change), ITEMS)
    relabelled = [ITEMS[0].model_copy(update={"opinions": {"overall": Opinion(mean=9.0)}}), *ITEMS[1:]]
    with pytest.raises(RecordError, match="other items"):
        write_items(folder, HEADER, relabelled)


def test_a_damaged_file_is_called_one(folder: Path) -> None:
    path = folder / "benchmark.jsonl"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(RecordError, match=r"holds a damaged file \(benchmark.jsonl, line 6: .*: delete that file to"):
        write_items(folder, HEADER, ITEMS)
