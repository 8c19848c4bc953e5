"""Killed with -9 and started again, a distillation pays for no call twice, and its card is what its log says."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import run as cli_run
from killing import Server, run_and_kill, serving
from scripted import fill
from teaching import WORDS, pairs, write_rows

from autorater import RunLog
from autorater.canonical import digest_of
from autorater_evals.distillation import check
from autorater_evals.trainset import open_set

ITEMS, KILLS, CONCURRENCY = 16, 2, 3
CALLS = 5
"""Of an item: two orders with the label, two readers of the rationale, one answer without."""
COMMAND = (
    "from autorater import cli; from autorater_evals.distillation.command import app; "
    "cli.app.add_typer(app, name='distill'); cli.main()"
)


def taught(body: dict[str, Any]) -> dict[str, Any]:
    """Believes the label; else, and of a rationale, what its last word says."""
    schema = body["response_format"]["json_schema"]["schema"]
    text = json.dumps(body["messages"][-1])
    told = fill(schema)
    if "rationale" in told:
        chance = random.Random(digest_of(body))
        told["preference"] = "image_2" if "Image 2 is the better one" in text else "image_1"
        said = " ".join(chance.choice(WORDS) for _ in range(15))
        told["rationale"] = f"{said}: {told['preference']}"
    else:
        told["preference"] = "image_2" if ": image_2" in text else "image_1"
    return {"content": json.dumps(told)}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(taught, seconds=0.05) as running:
        yield running


def here(*words: str) -> tuple[object, str, str]:
    """Run the command in this process: status, stdout, stderr."""
    from autorater import cli
    from autorater_evals.distillation.command import app

    if "distill" not in {group.name for group in cli.app.registered_groups}:
        cli.app.add_typer(app, name="distill")
    ran = cli_run(*words)
    return ran.status, ran.out, ran.err


def command(*words: object) -> list[str]:
    return [sys.executable, "-c", COMMAND, "distill", *(str(word) for word in words)]


def test_killed_and_resumed_it_pays_for_no_call_twice(tmp_path: Path, server: Server) -> None:
    data, out, chance = (
        write_rows(tmp_path / "data", pairs(ITEMS), pictures=2 * ITEMS),
        tmp_path / "set",
        random.Random(3),
    )
    told = ["--teacher", server.model, "--out", out, "--tools", "none", "--concurrency", CONCURRENCY, "--json"]
    run = command(data, *told, "--without", "classifier", "--without", "near-duplicate")
    for _ in range(KILLS):
        run_and_kill(run, out / "log", "asked", chance.uniform(0, 0.3))
        assert not (out / "examples.jsonl").exists()
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)["card"]
    assert card["examples"]["by_variant"] == {"free": ITEMS}
    assert card["teacher"]["calls"] == CALLS * ITEMS
    assert card["without_evidence"] == ITEMS  # no specialist: no variant with tools

    with RunLog(out / "log") as log:
        asked = Counter(json.loads(line)["key"] for line in log.lines("asked"))
    assert set(asked.values()) == {1}
    assert len(asked) == len(set(server.calls)) == CALLS * ITEMS
    assert len(server.calls) <= CALLS * ITEMS + KILLS * CONCURRENCY  # what was in flight at a kill
    calls, kept = len(server.calls), (out / "examples.jsonl").read_bytes()
    assert json.loads(here(*run[3:])[1])["card"] == card
    assert (len(server.calls), (out / "examples.jsonl").read_bytes()) == (calls, kept)

    assert check(out).differing == ()
    assert here("distill", "check", str(out))[:2] == (
        0,
        f"{out}: {ITEMS} examples and the card, identical to what the log gives\n",
    )
    assert len(server.calls) == calls
    assert len(list(open_set(out).examples())) == ITEMS


def test_a_set_without_examples_says_so(tmp_path: Path) -> None:
    rows = [{"id": "x", "prompt": "a fox", "image_a": "no.png", "image_b": "none.png", "preferred": "a"}]
    data = write_rows(tmp_path / "data", rows)
    teacher = ["--teacher", "compatible:http://127.0.0.1:9/v1#m", "--out", str(tmp_path / "set")]
    status, out, said = here("distill", str(data), *teacher, "--tools", "none", "--json")
    assert (status, json.loads(out)["card"]["examples"]["all"]) == (3, 0)
    told = "nothing passed every filter, so the set is empty: its card says which filter stopped how many"
    assert said == f"autorater: {told}\n"
    status, out, said = here("distill", str(data), *teacher, "--tools", "none")
    assert (status, said) == (3, f"autorater: {told}\n")
    assert "(examples in components): train 0 in 0, validation 0 in 0, test 0 in 0.\n" in out
    assert "- Right without the label: no example has such an answer.\n" in out
    assert out.endswith(f"The set is empty; its card and its log are in {tmp_path / 'set'}.\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["psr", "--data", "."], "psr may not be trained on: "),
        (["biq2021", "--data", "."], "biq2021 may be trained on for research only: "),
        (["psr", "--data", ".", "--research"], "psr may not be trained on: "),
        (["avt"], "expected --data DIR with the files of avt"),
        (["nothing"], "no benchmark is called 'nothing'"),
        (["avt", "--data", ".", "--order", "both"], "--order does not go with distill"),
        (["avt", "--data", ".", "--tools", "agent"], "a teacher is told all assessments that apply"),
        (["avt", "--data", ".", "--without", "leak"], "no filter is called 'leak'; did you mean 'leakage'"),
        (["avt", "--data", ".", "--variants", "tool"], "variants"),
        (["avt", "--data", ".", "--holdout", "0.5"], "--holdout is two numbers, as in 0.1,0.1; got '0.5'"),
        (["avt", "--data", ".", "--holdout", "0.5,0.5"], "together they must leave something to train on"),
        (["avt", "--data", ".", "--scale", "1,1"], "--scale has two ends that differ"),
        (["avt", "--data", ".", "--scale", "0,inf"], "--scale has two ends that differ, as in 1,5; got '0,inf'"),
        (["avt", "--data", ".", "--scale", "1-5"], "--scale is two numbers, as in 1,5; got '1-5'"),
    ],
)
def test_what_cannot_be_distilled_is_refused_in_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    teacher = ["--teacher", "compatible:http://127.0.0.1:9/v1#m", "--out", str(tmp_path / "set")]
    status, _, said = here("distill", *words, *teacher)
    assert status == 2
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek", "sets/e"], "'chek' is neither data (a benchmark, a .jsonl file, an evaluated run) nor a command"),
        (["chek", "sets/e"], "; did you mean 'check'?"),
        (["rated.jsonl", "--teacher", "opnai:gpt", "--out", "set"], "did you mean 'openai'?"),
        (["rated.jsonl", "--teacher", "gpt-6", "--out", "set"], "--teacher is provider:model, as in openai:gpt-"),
        (["rated.jsonl", "--teacher", "embedded", "--out", "set"], "--teacher is provider:model"),
        (["rated.jsonl", "--teacher", "openai:gpt", "--out", "set"], "give its ends, worst first, as in --scale 1,5"),
    ],
)
def test_a_misspelled_word_is_told_before_the_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"id": "r", "prompt": "fox", "image": "0.png", "score": 3}
    write_rows(tmp_path, [row], pictures=1).rename("rated.jsonl")
    status, _, said = here("distill", *words)
    assert (status, said.count("\n")) == (2, 1)
    assert message in said
