"""Where an export may be written, and sets that are damaged: told in one line, nothing of the user's touched."""

import json
from pathlib import Path
from typing import Any

import pytest
from exported_sets import compare, made, rate

from autorater.errors import RecordError, UsageError
from autorater_evals.exports import FORMATS, export
from autorater_evals.trainset import TrainSet, open_set


@pytest.fixture
def train(tmp_path: Path) -> TrainSet:
    return made(tmp_path / "set", [compare(0, 1), rate(2, name="other", split="validation")])


def held(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["checkpoint-10", "notes.txt", "images/mine.png", "test-run.jsonl"])
def test_an_export_that_holds_files_of_the_users_is_not_replaced(tmp_path: Path, train: TrainSet, name: str) -> None:
    out = tmp_path / "out"
    export(train, "ms-swift", out)
    (out / name).write_text("a day of work")
    with pytest.raises(UsageError, match=f"'{name}', which is of no export: name another folder"):
        export(train, "ms-swift", out)
    assert (out / name).read_text() == "a day of work"
    assert held(tmp_path) == {"out", "set"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_replaces_its_own_export(tmp_path: Path, name: str) -> None:
    label: dict[str, Any] = {"preferred": "a"}
    pair = compare(0, 1, label=label, rejected=[{"preference": "image_2"}])
    whole = made(tmp_path / "set", [pair, compare(2, 3, name="held", split="validation", label=label)])
    for _ in range(2):
        export(whole, name, tmp_path / "out")
    assert held(tmp_path) == {"out", "set"}


@pytest.mark.parametrize("where", [".", "..", "/", "../out"])
def test_the_folder_that_one_is_in_is_not_replaced(
    tmp_path: Path, train: TrainSet, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(UsageError, match="is the folder you are in, or one above it"):
        export(train, "ms-swift", where)


def test_a_link_stays_and_its_folder_is_replaced(tmp_path: Path, train: TrainSet) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    for _ in range(2):
        export(train, "ms-swift", tmp_path / "out")
    assert held(tmp_path) == {"disk", "out", "set"}
    assert (tmp_path / "out").is_symlink()
    assert "train.jsonl" in held(tmp_path / "disk")


@pytest.mark.parametrize("name", ["ms-swift", "trl", "webdataset"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, train: TrainSet, name: str) -> None:
    resource: Any = pytest.importorskip("resource", reason="limits of files are not known here")
    signal: Any = pytest.importorskip("signal")
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))  # as a disk that takes no more
    try:
        with pytest.raises(RecordError, match="cannot write the export to"):
            export(train, name, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert held(tmp_path) == {"set"}


def test_an_id_that_stands_twice_is_told_with_both_lines(tmp_path: Path, train: TrainSet) -> None:
    made(tmp_path / "set", [*train.examples(), compare(2, 3)])
    with pytest.raises(RecordError, match=r"examples.jsonl, line 3: the id 'item/01/free' is that of line 1"):
        export(train, "ms-swift", tmp_path / "out")


@pytest.mark.parametrize("damage", [b"\xff\xfe\n", b'{"id": "cut', b"\n", b"[]\n"])
def test_a_damaged_line_is_told_by_its_number(tmp_path: Path, train: TrainSet, damage: bytes) -> None:
    path = train.folder / "examples.jsonl"
    path.write_bytes(path.read_bytes() + damage)
    with pytest.raises(RecordError, match=r"examples.jsonl, line 3:"):
        export(train, "ms-swift", tmp_path / "out")


def test_a_set_whose_images_are_gone_says_so(tmp_path: Path, train: TrainSet) -> None:
    (train.folder / "images").rename(tmp_path / "elsewhere")
    with pytest.raises(RecordError, match=r"is not in '.*images': make the set again"):
        export(train, "ms-swift", tmp_path / "out")


@pytest.mark.parametrize("card", [b"{", b"\xff", b""])
def test_a_damaged_card_says_so(train: TrainSet, card: bytes) -> None:
    assert open_set(train.folder).card == {}
    (train.folder / "card.json").write_bytes(card)
    with pytest.raises(RecordError, match=r"cannot read card.json of '.*set'"):
        json.dumps(dict(open_set(train.folder).card))
