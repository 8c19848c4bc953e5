"""Fetching from the hub, tried on a repository that is a local folder: no network is needed."""

import io
import json
import sys
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from autorater.errors import MissingExtraError, UsageError
from autorater_evals.benchmark import Benchmark, Hub, get_benchmark
from autorater_evals.benchmarks._hub import fetch

datasets: Any = pytest.importorskip("datasets")


def picture(color: str, format: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 6), color).save(data, format)
    return data.getvalue()


RED, BLUE, GREEN = picture("red", "PNG"), picture("blue", "JPEG"), picture("green", "WEBP")


def named(data: bytes, extension: str) -> str:
    return f"images/{sha256(data).hexdigest()[:16]}{extension}"


def benchmark_at(repository: Path | str, *configurations: str, split: str = "test") -> Benchmark:
    """Some benchmark, with another place on the hub."""
    known = get_benchmark("tifa160")
    hub = Hub(repository=str(repository), configurations=configurations, splits=(split,))
    return replace(known, card=replace(known.card, meta=known.meta.model_copy(update={"hub": hub})))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two configurations with images in a column, in a list and as mere bytes."""
    folder = tmp_path / "repository"
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "image": datasets.Image(),
            "images": datasets.List(datasets.Image()),
            "jpg_0": datasets.Value("binary"),
            "score": datasets.Value("float64"),
            "made": datasets.Value("timestamp[s]"),
        }
    )
    image, other = {"bytes": RED, "path": "red.png"}, {"bytes": BLUE, "path": None}
    rows = [
        {
            "id": f"item {number}",
            "image": image if number else None,
            "images": [other, image],
            "jpg_0": GREEN,
            "score": float("nan") if number == 1 else 0.5,
            "made": datetime(2026, 1, 1),  # noqa: DTZ001
        }
        for number in range(4)
    ]
    for name in ("t2i", "edit"):
        (folder / name).mkdir(parents=True)
        datasets.Dataset.from_list(rows, features=features).to_parquet(folder / name / "test-00000.parquet")
        datasets.Dataset.from_list(rows[:1], features=features).to_parquet(folder / name / "train-00000.parquet")
    head = "".join(
        f"  - config_name: {name}\n    data_files:\n"
        + "".join(f"      - {{split: {split}, path: {name}/{split}-*}}\n" for split in ("test", "train"))
        for name in ("t2i", "edit")
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{head}---\n")
    return folder


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_writes_each_configuration_and_keeps_the_images_bytes(repository: Path, tmp_path: Path) -> None:
    target = tmp_path / "data"
    files = fetch(benchmark_at(repository, "t2i", "edit"), target)
    assert files == (target / "t2i-test.jsonl", target / "edit-test.jsonl")
    rows = read(files[0])
    assert [row["id"] for row in rows] == ["item 0", "item 1", "item 2", "item 3"]
    assert rows[0]["image"] is None
    assert rows[1]["image"] == named(RED, ".png")
    assert rows[1]["images"] == [named(BLUE, ".jpg"), named(RED, ".png")]
    assert rows[1]["jpg_0"] == named(GREEN, ".webp")
    assert (rows[0]["score"], rows[1]["score"]) == (0.5, None)
    assert rows[0]["made"].startswith("2026-01-01")
    assert (target / named(BLUE, ".jpg")).read_bytes() == BLUE
    assert len(list((target / "images").iterdir())) == 3
    assert not list(target.rglob("*.part"))


def test_goes_on_after_the_last_whole_row(repository: Path, tmp_path: Path) -> None:
    whole = fetch(benchmark_at(repository, "edit"), tmp_path / "whole")[0].read_bytes()
    target = tmp_path / "data" / "edit-test.jsonl"
    target.parent.mkdir()
    first = whole.splitlines(keepends=True)
    (tmp_path / "data" / "edit-test.jsonl.part").write_bytes(b'{"id": "kept"}\n' + first[1] + first[2][:20])
    fetch(benchmark_at(repository, "edit"), tmp_path / "data")
    assert target.read_bytes() == b'{"id": "kept"}\n' + b"".join(first[1:])


def test_does_not_fetch_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "default-test.jsonl").write_text('{"id": 1}\n')
    assert fetch(benchmark_at("nobody/nothing"), tmp_path) == (tmp_path / "default-test.jsonl",)
    assert read(tmp_path / "default-test.jsonl") == [{"id": 1}]


def test_reads_a_folder_of_image_files(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, data in (("a.png", RED), ("b.jpg", BLUE)):
        (folder / name).write_bytes(data)
    rows = read(fetch(benchmark_at(folder, split="train"), tmp_path / "data")[0])
    assert rows == [{"image": named(RED, ".png")}, {"image": named(BLUE, ".jpg")}]
    assert (tmp_path / "data" / named(RED, ".png")).read_bytes() == RED


@pytest.mark.parametrize(("configuration", "split"), [("music", "test"), ("t2i", "validation")])
def test_says_in_one_line_what_the_hub_lacks(configuration: str, split: str, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot fetch tifa160 from .*try again .*get it from https://") as caught:
        fetch(benchmark_at(repository, configuration, split=split), tmp_path / "data")
    assert "\n" not in str(caught.value)


def test_a_benchmark_that_is_not_on_the_hub_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tifa160 cannot be fetched from the hub: get it from https://github"):
        fetch(get_benchmark("tifa160"), tmp_path)


def test_names_the_extra_that_brings_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"autorater-vision\[datasets\]"):
        fetch(benchmark_at("nobody/nothing"), tmp_path)
