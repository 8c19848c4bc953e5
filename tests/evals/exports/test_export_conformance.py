"""LLaMA-Factory's and ms-swift's own loaders read the exports; each in an environment of its own, opt-in.

    python3 -m venv lf && lf/bin/pip install llamafactory==0.9.5 "transformers<=5.6" "datasets<=4.0"
    python3 -m venv swift && swift/bin/pip install ms-swift==4.6.0
    LLAMAFACTORY_PYTHON=$PWD/lf/bin/python MS_SWIFT_PYTHON=$PWD/swift/bin/python \
        pytest tests/evals/exports/test_export_conformance.py

Both pin versions that this project's environment excludes, so they cannot be dependencies. `read_by_llamafactory.py`
and `read_by_swift.py` are what runs there; they import nothing of the project. No model is needed: the tokenizer has
one token for every byte, so that what LLaMA-Factory would train on can be decoded.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from exported_sets import everything, made

from autorater_evals.exports import export, read_rows
from autorater_evals.exports.escaping import unescape

HERE = Path(__file__).parent
IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"


def asked(variable: str) -> str:
    python = os.environ.get(variable, "")
    if not python:
        pytest.skip(f"set {variable} to the Python of an environment as described in this file")
    return python


def ran(python: str, script: str, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    # Its own caches: the loaders keep what they read by the file's name.
    own = {
        **os.environ,
        "HF_HOME": str(Path.cwd() / "hub"),
        "MODELSCOPE_CACHE": str(Path.cwd() / "scope"),
        **environment,
    }
    words = [python, str(HERE / script), *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, env=own, check=False)


def told(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def exported(tmp_path: Path, name: str) -> tuple[Path, list[dict[str, Any]]]:
    export(made(tmp_path / "set", everything()), name, tmp_path / "out")
    return tmp_path / "out", list(read_rows(tmp_path / "out", "train"))


def turns(text: str) -> list[str]:
    """What stands between the marks of Qwen2-VL's template, which LLaMA-Factory put there."""
    return re.findall(r"<\|im_start\|>\w+\n(.*?)<\|im_end\|>", text, re.DOTALL)


def test_llamafactory_reads_and_encodes_every_row(tmp_path: Path) -> None:
    python = asked("LLAMAFACTORY_PYTHON")
    folder, rows = exported(tmp_path, "llamafactory")
    read = told(ran(python, "read_by_llamafactory.py", folder, "set_train"))
    assert len(read) == len(rows)
    for got, row in zip(read, rows, strict=True):
        system, user, answer = (message["content"] for message in row["messages"])
        assert got["system"] == system
        assert got["prompt"] == [{"role": "user", "content": user}]
        assert got["response"] == [{"role": "assistant", "content": answer}]
        assert got["images"] == [str(folder / name) for name in row["images"]]
        assert turns(got["encoded"]["input_ids"]) == [system, user.replace("<image>", IMAGE), answer]
        assert got["learned"]["labels"].removesuffix("\n").removesuffix("<|im_end|>") == answer


def test_llamafactory_reads_and_encodes_every_pair(tmp_path: Path) -> None:
    python = asked("LLAMAFACTORY_PYTHON")
    folder, rows = exported(tmp_path, "llamafactory-dpo")
    read = told(ran(python, "read_by_llamafactory.py", folder, "set_train", "rm"))
    assert len(read) == len(rows)
    for got, row in zip(read, rows, strict=True):
        system, user = (turn["value"] for turn in row["conversations"])
        assert got["prompt"] == [{"role": "user", "content": user}]
        for side in ("chosen", "rejected"):
            wanted = [system, user.replace("<image>", IMAGE), row[side]["value"]]
            assert turns(got["encoded"][f"{side}_input_ids"]) == wanted


@pytest.mark.parametrize("change", ["an image dropped", "a mark in the text left whole"])
def test_llamafactory_fails_on_what_the_export_prevents(tmp_path: Path, change: str) -> None:
    python = asked("LLAMAFACTORY_PYTHON")
    folder, rows = exported(tmp_path, "llamafactory")
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if change == "an image dropped":
        rows[0]["images"].pop()
        lines = json.dumps(rows[0]) + "\n"
    else:
        lines = unescape(lines)
    (folder / "train.jsonl").write_text(lines, encoding="utf-8")
    done = ran(python, "read_by_llamafactory.py", folder, "set_train")
    assert done.returncode != 0
    assert "The number of images does not match the number of <image> tokens" in done.stderr


@pytest.mark.parametrize("mode", ["path", "embedded"])
@pytest.mark.parametrize("name", ["ms-swift", "ms-swift-dpo", "ms-swift-image-dpo"])
def test_swift_reads_every_row_strictly(tmp_path: Path, name: str, mode: Any) -> None:
    python = asked("MS_SWIFT_PYTHON")
    folder = tmp_path / "out"
    export(made(tmp_path / "set", everything()), name, folder, images=mode)
    rows = list(read_rows(folder, "train"))
    read = told(ran(python, "read_by_swift.py", folder / "train.jsonl", ROOT_IMAGE_DIR=str(folder)))
    assert len(read) == len(rows)
    for got, row in zip(read, rows, strict=True):
        wanted = {"chosen": (row["messages"][-1]["content"], row["images"])}
        if "rejected_response" in row:
            wanted["rejected"] = (row["rejected_response"], row["images"])
        if "rejected_images" in row:
            wanted["rejected"] = (row["messages"][-1]["content"], row["rejected_images"])
        assert got.keys() == wanted.keys()
        for side, (answer, images) in wanted.items():
            *system, user, said = got[side]["messages"]
            assert (got[side]["system"] or system[0]["content"]) == row["messages"][0]["content"]
            assert (user["content"], said["content"]) == (row["messages"][1]["content"], answer)
            assert got[side]["images"] == images
            assert got[side]["sizes"] == [[48, 32]] * len(images)


def test_both_trainers_read_one_and_the_same_file(tmp_path: Path) -> None:
    train = made(tmp_path / "set", everything())
    for name in ("llamafactory", "ms-swift"):
        export(train, name, tmp_path / name)
    for file in ("train.jsonl", "dataset_info.json"):
        assert (tmp_path / "llamafactory" / file).read_bytes() == (tmp_path / "ms-swift" / file).read_bytes()
