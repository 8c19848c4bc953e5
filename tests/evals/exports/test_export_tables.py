"""What TRL and `datasets` make of the exports: columns of parquet, samples of shards, lines with one schema."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_sets import compare, everything, made
from pictures import picture
from PIL import Image

from autorater_evals.exports import export
from autorater_evals.exports.escaping import unescape
from autorater_evals.trainset import Example

datasets: Any = pytest.importorskip("datasets")


def trl() -> Any:
    pytest.importorskip("torch")
    pytest.importorskip("trl")
    import_module("autorater.vision_ops").allow_torchvision()
    return import_module("trl.data_utils")


def loaded(kind: str, tmp_path: Path, pattern: str, **options: Any) -> Any:
    files = sorted(str(path) for path in (tmp_path / "out").glob(pattern))
    return datasets.load_dataset(kind, data_files=files, split="train", cache_dir=str(tmp_path / "cache"), **options)


def written(tmp_path: Path, name: str, examples: list[Example] | None = None, **options: Any) -> list[Example]:
    given = examples or everything()
    export(made(tmp_path / "set", given), name, tmp_path / "out", **options)
    return given


def pixels(images: list[Any]) -> list[bytes]:
    return [np.asarray(image.convert("RGB")).tobytes() for image in images]


def wanted(example: Example) -> list[bytes]:
    known = {picture(number).sha256: picture(number).array().tobytes() for number in range(10)}
    return [known[sha256] for sha256 in example.images]


@pytest.mark.parametrize(("name", "answers"), [("trl", ["completion"]), ("trl-dpo", ["chosen", "rejected"])])
def test_trl_fills_the_images_in_where_the_text_names_them(tmp_path: Path, name: str, answers: list[str]) -> None:
    library = trl()
    known = {example.id: example for example in written(tmp_path, name)}
    table = loaded("parquet", tmp_path, "train.parquet")
    assert isinstance(table.features["images"].feature, datasets.Image)
    for row in table:
        example = known[str(row["autorater"]).split('"id":"')[1].split('"')[0]]
        assert pixels(row["images"]) == wanted(example)
        assert library.is_conversational(row)
        messages = library.prepare_multimodal_messages(row["prompt"], images=row["images"])
        assert [message["role"] for message in messages] == ["system", "user"]
        parts = messages[-1]["content"]
        assert [part["type"] for part in parts] == ["image" if piece.image else "text" for piece in example.pieces]
        assert pixels([part["image"] for part in parts if part["type"] == "image"]) == wanted(example)
        for part, piece in zip(parts, example.pieces, strict=True):
            assert part["type"] == "image" or unescape(part["text"]) == piece.text
        for column in answers:
            (said,) = library.prepare_multimodal_messages(row[column])
            assert said["role"] == "assistant"
            assert [part["type"] for part in said["content"]] == ["text"]


def test_trl_refuses_a_row_without_one_of_its_images(tmp_path: Path) -> None:
    library = trl()
    written(tmp_path, "trl", [compare(0, 1)])
    row = loaded("parquet", tmp_path, "train.parquet")[0]
    with pytest.raises(ValueError, match=r"Number of images provided \(1\) does not match"):
        library.prepare_multimodal_messages(row["prompt"], images=row["images"][:1])


def test_trl_by_path_reads_from_the_exports_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = written(tmp_path, "trl", [compare(0, 1)], images="path")
    monkeypatch.chdir(tmp_path / "out")
    assert pixels(loaded("parquet", tmp_path, "train.parquet")[0]["images"]) == wanted(example)


def test_trls_trainer_of_orpo_has_no_place_for_images() -> None:
    """As EXPORTS.md says. Once this fails, `trl-dpo` may be named for ORPO too."""
    found = find_spec("trl")
    if found is None or found.origin is None:
        pytest.skip("needs trl")
    source = (Path(found.origin).parent / "experimental" / "orpo" / "orpo_trainer.py").read_text("utf-8")
    assert all(f'"{column}"' in source for column in ("prompt", "chosen", "rejected"))
    assert "pixel_values" not in source
    assert "images" not in source


def test_shards_of_one_task_stream(tmp_path: Path) -> None:
    turned = (
        compare(number, number + 1, name=f"item{number}", order=(number % 2, 1 - number % 2)) for number in range(9)
    )
    examples = written(tmp_path, "webdataset", list(turned), shard_bytes=60_000)
    assert len(list((tmp_path / "out").glob("*.tar"))) > 1
    table = loaded("webdataset", tmp_path, "train-*.tar", streaming=True)
    for row, example in zip(table, examples, strict=True):
        images = [row[name] for name in row["json"]["images"]]
        assert all(isinstance(image, Image.Image) for image in images)
        assert pixels(images) == wanted(example)
        assert unescape(row["json"]["completion"][0]["content"][0]["text"]) == example.completion


@pytest.mark.parametrize("name", ["ms-swift", "ms-swift-dpo", "llamafactory-dpo", "openai"])
def test_lines_of_all_tasks_share_one_schema(tmp_path: Path, name: str) -> None:
    written(tmp_path, name)
    table = loaded("json", tmp_path, "train.jsonl")
    assert len(table) >= len(everything())
    assert table.features["autorater"].dtype == "string"
