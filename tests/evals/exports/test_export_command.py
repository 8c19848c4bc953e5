"""`autorater export` from its options to its files."""

import json
from pathlib import Path

import pytest
import typer
from exported_sets import HOSTILE, compare, made, rate
from typer.testing import CliRunner, Result

from autorater.errors import RecordError, UsageError
from autorater_evals.exports import FORMATS
from autorater_evals.exports.command import export


def ran(*words: object) -> Result:
    app = typer.Typer()
    app.command()(export)
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rejected = [{"preference": "image_2"}, {"rationale": "worse"}]
    made(tmp_path / "set", [compare(0, 1, rejected=rejected), rate(2, HOSTILE, name="hostile", split="test")])
    return tmp_path / "set"


def test_counts_are_told(folder: Path, tmp_path: Path) -> None:
    done = ran(folder, "--to", "ms-swift", "--out", tmp_path / "out", "--split", "train, test")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"written to  {tmp_path / 'out'}",
        "train       1 row in train.jsonl",
        "test        1 row in test.jsonl",
        "images      3 files in images/",
        "beside      dataset_info.json",
        "escaped     1 rows whose text holds placeholders or control tokens",
    ]
    assert (tmp_path / "out" / "test.jsonl").is_file()


def test_the_default_leaves_the_test_split_alone(folder: Path, tmp_path: Path) -> None:
    done = ran(folder, "--to", "trl-dpo", "--out", tmp_path / "out", "--pairs", "verdict")
    assert done.stdout.splitlines() == [
        f"written to  {tmp_path / 'out'}",
        "train       1 row in train.parquet",
        "validation  0 rows: no file",
        "no row of   1 pairs of the kind rationale, which was not asked for",
    ]
    assert [path.name for path in (tmp_path / "out").glob("*.parquet")] == ["train.parquet"]


@pytest.mark.parametrize("format", ["llamafactory", "llamafactory-dpo"])
def test_llamafactory_is_told_its_names(folder: Path, tmp_path: Path, format: str) -> None:
    out = tmp_path / "out"
    told = ran(folder, "--to", format, "--out", out).stdout.splitlines()
    assert f"dataset=    set_train (with dataset_dir={out})" in told
    assert list(json.loads((out / "dataset_info.json").read_text())) == ["set_train"]


def test_json_is_the_manifest(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = ran(folder, "--to", "openai", "--out", out, "--images", "hash", "--no-metadata", "--json")
    told = json.loads(done.stdout)
    assert told == json.loads((out / "export.json").read_text())
    assert (told["format"], told["images"], told["metadata"]) == ("openai", "hash", False)
    assert told["rows"] == {"train": 1, "validation": 0}


def test_shards_are_given_in_megabytes(tmp_path: Path) -> None:
    made(tmp_path / "set", [rate(number % 10, name=f"item{number}") for number in range(130)])
    done = ran(tmp_path / "set", "--to", "webdataset", "--out", tmp_path / "out", "--shard-size", 1)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "out").glob("*.tar"))]
    assert len(sizes) == 2
    assert "train       130 rows in train-000000.tar to train-000001.tar" in done.stdout.splitlines()
    assert 900_000 < sizes[0] <= 1_000_000


def test_wrong_words_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no split is called 'dev'"):
        ran(folder, "--to", "trl", "--out", tmp_path / "out", "--split", "dev")
    with pytest.raises(UsageError, match="did you mean 'llamafactory'") as told:
        ran(folder, "--to", "lamafactory", "--out", tmp_path / "out")
    assert all(name in str(told.value) for name in FORMATS)
    with pytest.raises(UsageError, match="llava takes images by path or hash"):
        ran(folder, "--to", "llava", "--out", tmp_path / "out", "--images", "embedded")
    with pytest.raises(RecordError, match="no training set at"):
        ran(tmp_path, "--to", "trl", "--out", tmp_path / "out")


def test_the_help_names_every_format() -> None:
    told = " ".join(ran("--help").stdout.replace("│", " ").split())
    assert all(f" {name}" in told for name in FORMATS)


def test_the_terms_of_the_data_travel_with_the_rows(folder: Path, tmp_path: Path) -> None:
    source = {"licence": "none stated", "training_note": "the owners state no licence", "research": True}
    (folder / "card.json").write_text(json.dumps({"source": source}))
    done = ran(folder, "--to", "openai", "--out", tmp_path / "out")
    told = "terms       for research only, and so is what is trained on it: the owners state no licence"
    assert done.stdout.splitlines()[0] == told
    manifest = json.loads((tmp_path / "out" / "export.json").read_text())
    assert {name: manifest[name] for name in source} == source
