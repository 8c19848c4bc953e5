"""A training that is killed goes on with the same command, to the same weights and figures; no path stays in it."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from killing import recorded
from places import SCRATCH
from tiny_sets import pairs, quick, student, weights

from autorater import AutoRater, RunLog
from autorater.errors import RecordError, UsageError
from autorater_evals.training.claiming import BEGUN, CHECKPOINTS, alone
from autorater_evals.training.evaluating import Asking
from autorater_evals.training.fitting import fit
from autorater_evals.training.settings import Settings
from autorater_evals.training.training import Running, Training, train
from autorater_evals.training.watching import calm
from autorater_evals.training.weights import ADAPTER, digest_of_student

WORDS = ["--device", "cpu", "--steps", "24", "--batch", "4", "--accumulate", "1", "--save-every", "1"]
ANSWER = ["--rank", "4", "--max-output-tokens", "24", "--json"]
SAME = Settings(rank=4, steps=24, batch=4, accumulate=1, save_every=1)
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(out: Path) -> list[str]:
    words = [str(pairs().folder), "--student", str(student()), "--out", str(out), *WORDS, *ANSWER]
    return [sys.executable, "-m", "autorater", "train", *words]


def killed_when(out: Path, ready: Callable[[], bool]) -> None:
    """Start the command, and kill -9 it at the moment that `ready` says yes."""
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command(out), env=ENVIRONMENT, **quiet) as process:
        deadline = time.monotonic() + 120
        while not ready() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        assert process.poll() is None, f"it ended by itself: {process.returncode}"
        process.kill()


def judged(out: Path) -> int:
    return sum(recorded(log, "asked") for log in (out / "evaluation").glob("after-*/*") if log.is_dir())


def held_paths(folder: Path, *paths: Path) -> list[str]:
    """Files below `folder` that hold one of these paths."""
    needles = [str(path).encode() for path in paths]
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if any(one in path.read_bytes() for one in needles)]


def test_killed_in_the_training_and_in_the_evaluation_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    out, other = tmp_path / "cut" / "judge", tmp_path / "whole" / "judge"
    killed_when(out, lambda: (out / CHECKPOINTS / "checkpoint-3" / "trainer_state.json").is_file())
    assert not (out / "model.safetensors").exists()
    killed_when(out, lambda: judged(out) >= 2)
    assert (out / "model.safetensors").exists()
    assert not (out / "training.json").exists()
    told = subprocess.run(command(out), capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert told.returncode == 0, told.stderr
    assert "judge is trained already (24 steps): only what is missing is done" in told.stderr
    cut = Training.model_validate_json(told.stdout)
    whole = train(pairs(), str(student()), other, SAME, running=Running("cpu", asking=Asking(max_output_tokens=24)))
    assert (cut.fitted.resumed_at or 0) >= 3
    assert whole.fitted.resumed_at is None
    assert cut.model_copy(update={"fitted": cut.fitted.model_copy(update={"resumed_at": None})}) == whole
    for file in ("model.safetensors", f"{ADAPTER}/adapter_model.safetensors"):
        assert (out / file).read_bytes() == (other / file).read_bytes()
    for log in (out / "evaluation").glob("*/*"):
        if log.is_dir():
            with RunLog(log) as record:
                asked = Counter(json.loads(line)["key"] for line in record.lines("asked"))
            assert set(asked.values()) == {1}
    assert held_paths(tmp_path, tmp_path, SCRATCH, Path.home()) == []


@pytest.mark.parametrize("method", ["lora", "full"])
def test_what_is_written_holds_no_path_of_this_machine(tmp_path: Path, method: str) -> None:
    out = tmp_path / "out"
    fit(pairs(), str(student()), out, quick(method=method, rank=2, steps=2, save_every=1), device="cpu")
    assert (out / CHECKPOINTS / "checkpoint-2" / "trainer_state.json").is_file()
    assert held_paths(out, tmp_path, SCRATCH, Path(__file__).parents[3], Path(sys.prefix)) == []
    assert not list(out.rglob("training_args.bin"))
    begun = json.loads((out / BEGUN).read_text())
    assert (begun["student"], begun["weights"]) == ("transformers:student", digest_of_student(str(student())))
    with AutoRater(f"transformers:{out}", device="cpu", protocol="autorater-paper", tools="none", cache=False) as judge:
        example = next(pairs().examples("test"))
        images = [pairs().image(one) for one in example.candidates]
        assert judge.compare(*images, prompt=example.prompt).judged_by.model == "transformers:out"


def test_the_adapter_names_its_base_and_fits_it_again(tmp_path: Path) -> None:
    import peft as untyped
    import torch
    import transformers

    peft: Any = untyped
    out = tmp_path / "out"
    fit(pairs(), str(student()), out, quick(method="lora", rank=2, steps=2), device="cpu")
    told = json.loads((out / ADAPTER / "adapter_config.json").read_text())
    assert told["base_model_name_or_path"] == "student"
    assert digest_of_student(str(student())) in (out / ADAPTER / "README.md").read_text()
    of: Any = transformers.AutoModelForImageTextToText
    with calm():
        model: Any = peft.PeftModel.from_pretrained(of.from_pretrained(student()), out / ADAPTER)
        model.merge_and_unload().save_pretrained(tmp_path / "merged")
    ours, theirs = weights(out), weights(tmp_path / "merged")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(UsageError, match=r"'adapter' is a LoRA adapter of student, not a student: name the folder"):
        fit(pairs(), str(out / ADAPTER), tmp_path / "two", quick(), device="cpu")


def test_one_folder_is_trained_into_by_one_process(tmp_path: Path) -> None:
    quiet = Running(device="cpu", evaluate=False)
    with alone(tmp_path / "out"), pytest.raises(RecordError, match="another process trains into 'out': wait for it"):
        train(pairs(), str(student()), tmp_path / "out", quick(steps=1), running=quiet)
    assert train(pairs(), str(student()), tmp_path / "out", quick(steps=1), running=quiet).fitted.steps == 1


def test_another_student_of_the_same_name_is_another_student(tmp_path: Path) -> None:
    import shutil

    import safetensors.torch

    base = tmp_path / "student"
    shutil.copytree(student(), base)
    out = tmp_path / "out"
    fit(pairs(), str(student()), out, quick(steps=1), device="cpu")
    assert fit(pairs(), str(base), out, quick(steps=1), device="cpu").steps == 1  # the same weights elsewhere
    changed = {name: one + 1 for name, one in weights(base).items()}
    cast("Any", safetensors.torch).save_file(changed, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"another student of the name transformers:student \(its files have changed"):
        fit(pairs(), str(base), out, quick(steps=1), device="cpu")
