"""The command `autorater train-head`: JSON and a card, and every wrong call told in one line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from autorater.errors import UsageError
from autorater_evals.heads.command import train_head
from autorater_evals.heads.planted import plant_pairs
from autorater_evals.heads.settings import Settings

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(train_head)


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_it_trains_and_prints_json_or_the_card(tmp_path: Path, base: Path) -> None:
    data = plant_pairs(tmp_path / "data", 12)
    call = [data, "--base", base, "--loss", "gpm", "--gpm-size", 4, "--frozen", "--out", tmp_path / "x"]
    first = run(*call, "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert told["settings"]["gpm_size"] == 4
    assert told["perspectives"][0]["held_out"] == 3
    assert told["base"] == "tiny-llava"
    card = run(*call)
    assert card.stdout.startswith("# A reward head\n")
    assert "loss gpm of 4 numbers, head skipca" in card.stdout
    assert str(tmp_path) not in (tmp_path / "x" / "evaluation.json").read_text()


def test_it_trains_in_a_process_of_its_own(tmp_path: Path, base: Path) -> None:
    """What this test's own process has imported and declared hides what the command forgets to."""
    data = plant_pairs(tmp_path / "data", 12)
    call = ["train-head", data, "--base", base, "--loss", "bt", "--frozen", "--out", tmp_path / "x"]
    found = subprocess.run(
        [sys.executable, "-m", "autorater", *map(str, call)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("# A reward head\n")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--loss", "mse"], "these settings cannot be trained with: .*loss"),
        (["--loss", "gpm", "--gpm-size", 3], "gpm_size"),
        (["--loss", "l1", "--hard-negatives", 0.2], "hard negatives are pairs"),
        (["--loss", "ce", "--head", "mlp"], "paper 003's score head, .* goes with the loss l1, got ce"),
        (["--loss", "bt", "--alpha", 0], "with: alpha: input should be greater than 0, got 0.0$"),
        (["--loss", "bt", "--perspectives", "a,a"], "a perspective is named twice"),
        (["--loss", "bt", "--perspectives", "a,"], "dimensions with one comma between"),
        (["--loss", "bt", "--perspectives", "a,b", "--dimension", "a"], "got both"),
        (["--loss", "bt", "--device", "tpu"], "expected a device"),
    ],
)
def test_a_wrong_call_is_told_before_anything_is_loaded(tmp_path: Path, more: list[object], told: str) -> None:
    result = run("data.jsonl", "--base", "nowhere", "--out", tmp_path / "x", *more)
    assert isinstance(result.exception, UsageError)
    assert "\n" not in str(result.exception)
    import re

    assert re.search(told, str(result.exception)), str(result.exception)
    assert not (tmp_path / "x").exists()


def test_a_base_that_sees_nothing_is_refused(tmp_path: Path, base: Path) -> None:
    data = plant_pairs(tmp_path / "data", 12)
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "config.json").write_text('{"model_type": "qwen2"}')
    (tmp_path / "words" / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes())
    found = run(data, "--base", tmp_path / "words", "--loss", "bt", "--out", tmp_path / "x")
    assert isinstance(found.exception, UsageError)
    assert "the base 'words' is a qwen2, which takes no images: expected the folder" in str(found.exception)
    (tmp_path / "words" / "config.json").write_text("{")
    found = run(data, "--base", tmp_path / "words", "--loss", "bt", "--out", tmp_path / "x")
    assert "the base 'words' cannot be read: expected the folder" in str(found.exception)


def test_an_out_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, base: Path) -> None:
    data = plant_pairs(tmp_path / "data", 12)
    found = run(data, "--base", base, "--loss", "bt", "--frozen", "--out", data)
    assert isinstance(found.exception, UsageError)
    assert "cannot write to" in str(found.exception)
    assert "choose another --out" in str(found.exception)


def test_two_dimensions_of_one_name_are_refused(tmp_path: Path, base: Path) -> None:
    both = ("Text match", "text_match")
    data = plant_pairs(tmp_path / "data", 8, prefer=lambda a, b: dict.fromkeys(both, "a" if a < b else "b"))
    found = run(data, "--base", base, "--loss", "bt", "--perspectives", ",".join(both), "--out", tmp_path / "x")
    assert isinstance(found.exception, UsageError), found.exception
    assert "'Text match' and 'text_match' are both named text_match" in str(found.exception)


def test_defaults_are_those_of_the_papers() -> None:
    ranked, scored = Settings(loss="gpm"), Settings(loss="l1")
    assert (ranked.head, ranked.rank, ranked.alpha, ranked.epochs, ranked.rate) == ("skipca", 128, 256.0, 1, 2e-4)
    assert (scored.head, scored.rank, scored.alpha, scored.epochs, scored.rate) == ("mlp", 8, 16.0, 5, 1e-5)
    assert Settings(loss="l1", rank=4, head="linear").alpha == 8.0
    assert Settings.model_validate_json(scored.model_dump_json()) == scored
