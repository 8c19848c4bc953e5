"""What stands in the files: the field's keys, the splits asked for and no label; equal bytes; whole or not at all."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from exported_sets import HOSTILE, compare, everything, made, opened, rate
from pictures import png
from PIL import Image

from autorater.errors import RecordError, UsageError
from autorater.image import open_picture
from autorater_evals.exports import FORMATS, export, read_back, read_export, read_rows
from autorater_evals.trainset import Label, Piece, Rejected, TrainSet

KEYS = {
    "trl": {"prompt", "completion", "images"},
    "trl-dpo": {"prompt", "chosen", "rejected", "images"},
    "llamafactory": {"messages", "images"},
    "llamafactory-dpo": {"conversations", "chosen", "rejected", "images"},
    "ms-swift": {"messages", "images"},
    "ms-swift-dpo": {"messages", "images", "rejected_response"},
    "ms-swift-image-dpo": {"messages", "images", "rejected_images"},
    "internvl": {"id", "image", "width_list", "height_list", "conversations"},
    "internvl-dpo": {"image", "question", "chosen", "rejected"},
    "llava": {"id", "image", "conversations"},
    "openai": {"messages"},
    "webdataset": {"__key__", "0.png", "1.png", "json"},
    "reward": {"prompt", "source_images", "chosen_image", "rejected_image", "margin"},
}
LABEL = Label(preferred="a", gap=1.2345)


def small(folder: Path) -> TrainSet:
    """One pair in each split, with a label and an answer that was thrown out."""
    return made(
        folder,
        [
            compare(place, place + 1, name=split, split=split, label=LABEL, rejected=[{"preference": "image_2"}])
            for place, split in enumerate(("train", "validation", "test"))
        ],
    )


def files(folder: Path) -> dict[str, str]:
    """Relative path → sha256."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.mark.parametrize("name", FORMATS)
def test_rows_have_the_keys_of_their_format_and_a_note(tmp_path: Path, name: str) -> None:
    assert KEYS.keys() == FORMATS.keys()
    exported = export(small(tmp_path / "set"), name, tmp_path / "out")
    assert exported.rows == {"train": 1, "validation": 1}
    assert read_export(tmp_path / "out") == exported
    (row,) = read_rows(tmp_path / "out", "train")
    noted = set[str]() if name == "webdataset" else {"autorater"}
    assert row.keys() == KEYS[name] | noted
    export(small(tmp_path / "set"), name, tmp_path / "out", metadata=False)
    (row,) = read_rows(tmp_path / "out", "train")
    assert row.keys() == KEYS[name]
    assert not list(read_rows(tmp_path / "out", "test"))


@pytest.mark.parametrize("name", [name for name in FORMATS if not name.endswith("dpo") and name != "reward"])
def test_neither_label_nor_rejected_answers_are_in_rows_for_sft(tmp_path: Path, name: str) -> None:
    secret = "a rejected rationale about periwinkle"
    example = compare(0, 1, label=LABEL, rejected=[{"rationale": secret, "preference": "image_2"}])
    export(made(tmp_path / "set", [example]), name, tmp_path / "out")
    (row,) = read_rows(tmp_path / "out", "train")
    written = repr(row)
    for hidden in ("periwinkle", "1.2345", "preferred", '"label"', "'label'", "made-up"):
        assert hidden not in written
    assert secret not in "".join(path.read_text("utf-8", "replace") for path in (tmp_path / "out").rglob("*.json*"))


@pytest.mark.parametrize("name", FORMATS)
def test_equal_sets_give_equal_bytes(tmp_path: Path, name: str) -> None:
    for place in ("one", "two"):
        train = made(tmp_path / place / "set", [*everything(), compare(0, 1, name="labelled", label=LABEL)])
        export(train, name, tmp_path / place / "out")
    assert files(tmp_path / "one" / "out") == files(tmp_path / "two" / "out")


@pytest.mark.parametrize("name", FORMATS)
def test_only_the_splits_asked_for(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    assert export(small(tmp_path / "set"), name, out, splits=("test",)).rows == {"test": 1}
    held = [path.name for path in out.iterdir() if "train" in path.name or "validation" in path.name]
    assert held == []
    assert read_back(name, next(read_rows(out, "test")), folder=out).id == "test/01/free"


def test_images_by_path_embedded_and_by_hash(tmp_path: Path) -> None:
    train, out = small(tmp_path / "set"), tmp_path / "out"
    hashes = [opened(number).sha256 for number in (0, 1)]
    export(train, "ms-swift", out, splits=("train",))
    (row,) = read_rows(out, "train")
    assert row["images"] == [f"images/{sha256}.png" for sha256 in hashes]
    assert {path.name for path in (out / "images").iterdir()} == {f"{sha256}.png" for sha256 in hashes}
    export(train, "ms-swift", out, splits=("train",), images="embedded")
    (row,) = read_rows(out, "train")
    assert open_picture(row["images"][1]).sha256 == hashes[1]
    assert not (out / "images").exists()
    export(train, "ms-swift", out, splits=("train",), images="hash")
    (row,) = read_rows(out, "train")
    assert row["images"] == [f"sha256:{sha256}" for sha256 in hashes]
    assert not (out / "images").exists()


def test_internvl_has_sizes_and_a_meta_file(tmp_path: Path) -> None:
    wide = open_picture(png(50, width=20, height=10))
    examples = [compare(0, 1), rate(2, name="single")]
    examples[0] = examples[0].model_copy(
        update={
            "candidates": (wide.sha256, examples[0].candidates[1]),
            "pieces": tuple(
                Piece(image=wide.sha256) if piece.image == examples[0].candidates[0] else piece
                for piece in examples[0].pieces
            ),
        }
    )
    export(made(tmp_path / "my set", examples, pictures=[wide]), "internvl", tmp_path / "out")
    pair, single = read_rows(tmp_path / "out", "train")
    assert (pair["id"], pair["width_list"], pair["height_list"]) == (0, [20, 48], [10, 32])
    assert pair["image"][0] == f"{wide.sha256}.png"
    assert (single["id"], single["image"], single["width"], single["height"]) == (1, f"{opened(2).sha256}.png", 48, 32)
    assert single["conversations"][0]["value"].startswith("You judge generated images")
    assert "Image 1:\n<image>\nChecklist" in single["conversations"][0]["value"]
    meta = json.loads((tmp_path / "out" / "meta_train.json").read_text())
    assert meta == {
        "my_set_train": {
            "root": "images",
            "annotation": "train.jsonl",
            "data_augment": False,
            "max_dynamic_patch": 12,
            "repeat_time": 1,
            "length": 2,
        }
    }


def test_llamafactory_is_told_its_columns(tmp_path: Path) -> None:
    export(small(tmp_path / "set"), "llamafactory-dpo", tmp_path / "out")
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
    assert list(info) == ["set_train", "set_validation"]
    assert info["set_train"]["ranking"] is True
    assert info["set_train"]["columns"]["messages"] == "conversations"


def test_shards_hold_whole_samples_and_no_more_than_asked(tmp_path: Path) -> None:
    examples = [rate(number % 10, name=f"item{number}") for number in range(12)]
    train, out = made(tmp_path / "set", examples), tmp_path / "out"
    assert export(train, "webdataset", out, shard_bytes=40_000).rows["train"] == 12
    shards = sorted(out.glob("*.tar"))
    assert [path.name for path in shards[:2]] == ["train-000000.tar", "train-000001.tar"]
    assert max(path.stat().st_size for path in shards) <= 40_000 < 2 * shards[0].stat().st_size
    with tarfile.open(shards[0]) as first, tarfile.open(shards[1]) as second:
        names = [*first.getnames(), *second.getnames()]
    assert names[:3] == ["000000000.0.png", "000000000.json", "000000001.0.png"]
    assert [read_back("webdataset", row).id for row in read_rows(out, "train")] == [one.id for one in examples]
    export(train, "webdataset", out)  # in one shard: the others are gone
    assert [path.name for path in out.glob("*.tar")] == ["train-000000.tar"]


def jpeg(number: int, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png(number))).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def turned() -> bytes:
    """A photograph that lies on its side, as its EXIF data say."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(3, exif=exif)


def see_through() -> bytes:
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(png(4))).convert("RGBA")
    image.putalpha(90)
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("reward", "ms-swift-image-dpo")])
@pytest.mark.parametrize("make", [turned, see_through])
def test_what_decoders_see_differently_is_written_as_the_judge_saw_it(tmp_path: Path, name: str, make: Any) -> None:
    odd = open_picture(make())
    first = opened(0)
    plain = compare(0, 1, rejected=[{"preference": "image_2"}])
    pieces = [Piece(image=odd.sha256) if piece.image == first.sha256 else piece for piece in plain.pieces]
    example = plain.model_copy(update={"candidates": (odd.sha256, plain.candidates[1]), "pieces": tuple(pieces)})
    exported = export(made(tmp_path / "set", [example], pictures=[odd]), name, tmp_path / "out")
    assert exported.reencoded == 1
    (row,) = read_rows(tmp_path / "out", "train")
    assert read_back(name, row, folder=tmp_path / "out").candidates == example.candidates
    if name == "ms-swift":
        with Image.open(tmp_path / "out" / row["images"][0]) as written:
            assert written.mode == "RGB"
            assert written.tobytes() == odd.rgb().tobytes()


def test_a_jpeg_keeps_its_bytes_and_its_suffix(tmp_path: Path) -> None:
    photo = open_picture(jpeg(3))
    example = rate(0)
    pieces = tuple(Piece(image=photo.sha256) if piece.image else piece for piece in example.pieces)
    example = example.model_copy(update={"candidates": (photo.sha256,), "pieces": pieces})
    train = made(tmp_path / "set", [example], pictures=[photo])
    assert export(train, "webdataset", tmp_path / "out").reencoded == 0
    (row,) = read_rows(tmp_path / "out", "train")
    assert row["0.jpg"] == photo.data


def test_hostile_text_is_broken_and_counted(tmp_path: Path) -> None:
    exported = export(made(tmp_path / "set", [rate(0), rate(1, HOSTILE, name="hostile")]), "ms-swift", tmp_path / "out")
    assert exported.escaped == 1
    _, row = read_rows(tmp_path / "out", "train")
    user = row["messages"][1]["content"]
    assert user.count("<image>") == len(row["images"]) == 1
    for mark in ("<video>", "<|im_end|>", "<img>", "</img>", "[INST]"):
        assert mark not in user
    assert "< image> and < image>" in user
    assert len((tmp_path / "out" / "train.jsonl").read_text("utf-8").splitlines()) == 2


def broken(**changes: Any) -> Any:
    return compare(0, 1, name="odd").model_copy(update=changes)


@pytest.mark.parametrize(
    "example",
    [
        broken(pieces=compare(0, 1).pieces[:2]),
        broken(pieces=compare(1, 0).pieces),
        broken(order=(1, 0)),
        broken(order=(0, 0)),
        broken(order=(0,)),
        broken(sources=(opened(5).sha256,)),
        broken(candidates=(opened(0).sha256,)),
    ],
)
def test_an_example_that_does_not_show_its_request_is_refused_by_name(tmp_path: Path, example: Any) -> None:
    with pytest.raises(RecordError, match="example odd/01/free: its text shows"):
        export(made(tmp_path / "set", [compare(0, 1), example]), "ms-swift", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_damaged_image_is_refused(tmp_path: Path) -> None:
    train = small(tmp_path / "set")
    train.image(opened(0).sha256).write_bytes(png(60))
    with pytest.raises(RecordError, match="has another sha256: make the set again"):
        export(train, "ms-swift", tmp_path / "out")
    train.image(opened(0).sha256).unlink()
    with pytest.raises(RecordError, match="is not in"):
        export(TrainSet(train.folder), "trl", tmp_path / "out")


def test_an_older_export_is_replaced_whole_and_nothing_else_is(tmp_path: Path) -> None:
    train, out = small(tmp_path / "set"), tmp_path / "out"
    export(train, "ms-swift", out, splits=("train", "validation", "test"))
    export(train, "openai", out, splits=("train",))
    assert sorted(path.name for path in out.iterdir()) == ["export.json", "train.jsonl"]
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "left over").write_text("from a run that was killed")
    export(train, "ms-swift", out, splits=("test",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set"]
    with pytest.raises(UsageError, match="is there and is no export"):
        export(train, "ms-swift", train.folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is there and is no export"):
        export(train, "ms-swift", tmp_path / "file")
    assert Rejected.model_fields  # the set itself is as it was
    assert len(list(train.examples())) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "lava"}, "no format is called 'lava'; did you mean 'llava'"),
        ({"splits": ("tran",)}, "no split is called 'tran'; known: train, validation, test"),
        ({"splits": ()}, "expected one or more splits"),
        ({"splits": ("train", "train")}, "expected one or more splits, each once"),
        ({"images": "embedded"}, "llamafactory takes images by path or hash, not 'embedded'"),
        ({"images": "inline"}, "takes images by"),
        ({"pairs": ("words",)}, "no kind of pairs is called 'words'; known: verdict, rationale"),
        ({"format": "trl-dpo", "pairs": ()}, "expected one or more kinds of pairs"),
        ({"format": "webdataset", "shard_bytes": 0}, "expected shards of 1 byte or more"),
    ],
)
def test_wrong_calls_are_told(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    told: dict[str, Any] = {"format": "llamafactory", **options}
    with pytest.raises(UsageError, match=message):
        export(small(tmp_path / "set"), told.pop("format"), tmp_path / "out", **told)
    assert not (tmp_path / "out").exists()


def test_a_set_without_rows_is_told(tmp_path: Path) -> None:
    train = made(tmp_path / "set", [rate(0)])
    with pytest.raises(UsageError, match="no row of test for trl: the set has no such example"):
        export(train, "trl", tmp_path / "out", splits=("test",))
    with pytest.raises(UsageError, match="1 examples that are no comparison"):
        export(train, "reward", tmp_path / "out")
    with pytest.raises(RecordError, match="no export at"):
        read_export(tmp_path / "out")
