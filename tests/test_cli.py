"""The command line: what it prints, where, and with which exit status."""

import json
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import Ran, run, spawn, start
from pictures import png
from places import ROOT, SCRATCH
from small_server import SmallServer, filled, says

COMMANDS = ("compare", "rate", "check", "rank", "run", "replay", "show", "tools", "models", "doctor", "demo")
FOX = ("--prompt", "a red fox in snow")


@pytest.fixture
def server() -> Iterator[SmallServer]:
    running = SmallServer()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def images(empty_folder: None) -> None:
    for number, letter in enumerate("abcs"):
        Path(f"{letter}.png").write_bytes(png(number))


def small(server: SmallServer) -> tuple[str, ...]:
    return ("--model", server.model, "--tools", "none", "--attempts", "1")


ITEMS: list[Any] = [
    {"id": "one", "prompt": "a fox", "image": "a.png"},
    {"id": "two", "prompt": "a fox", "image_a": "a.png", "image_b": "b.png"},
    {"id": "three", "prompt": "a white fox", "source": "s.png", "images": ["a.png", "b.png", "c.png"]},
]


def write_items(*more: str) -> Path:
    path = Path("items.jsonl")
    lines = [*(json.dumps(item) for item in ITEMS), *more]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# --- help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    ran = run(command, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert f"autorater {command}" in " ".join(ran.out.split()) or "Usage:" in ran.out
    assert "--json" in ran.out
    if command in COMMANDS[:5]:
        assert all(option in ran.out for option in ("--model", "--tools", "--order", "--log", "--max-cost"))


def test_no_arguments_are_a_call_for_help() -> None:
    ran = run()
    assert ran.status == 0
    assert ran.out == run("--help").out
    assert all(command in ran.out for command in COMMANDS)


def test_three_ways_to_call_it() -> None:
    script = Path(sysconfig.get_path("scripts")) / "autorater"
    call = ("rate", "absent.png", *FOX, "--json")
    scripted = subprocess.run([script, *call], capture_output=True, text=True, check=False)
    assert Ran(scripted.returncode, scripted.stdout, scripted.stderr) == spawn(*call) == run(*call)
    assert scripted.returncode == 2


# --- one judgment ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "check"),
    [
        (("compare", "a.png", "b.png"), {"task": "compare", "preferred": "tie", "consistent": False}),
        (("compare", "a.png", "b.png", "--order", "given"), {"preferred": "a", "consistent": None}),
        (("compare", "a.png", "b.png", "--source", "s.png"), {"outcome": "tie"}),
        (("compare", "a.png", "b.png", "--protocol", "autorater-paper"), {"preferred": "a", "checklist": {}}),
        (("rate", "a.png"), {"task": "rate", "score": 5.0, "outcome": "scored", "cost": None}),
        (("rate", "a.png", "--price", "10,100"), {"cost": 0.002}),
        (("rate", "a.png", "--samples", "3"), {"score": 5.0}),
        (("check", "a.png"), {"task": "check", "score": None, "outcome": "scored"}),
        (("rank", "a.png", "b.png", "c.png", "--order", "given"), {"ranking": [["a"], ["b"], ["c"]]}),
    ],
)
def test_a_judgment_as_json(call: tuple[str, ...], check: dict[str, Any], server: SmallServer) -> None:
    ran = run(*call, *FOX, *small(server), "--json")
    assert (ran.status, ran.err) == (0, "")
    assert {name: ran.json[name] for name in check} == check
    assert ran.json["prompt"] == "a red fox in snow"


def test_a_judgment_for_a_person(server: SmallServer) -> None:
    ran = run("compare", "a.png", "b.png", *FOX, *small(server), "--order", "given", "--report", "report.html")
    assert ran.status == 0
    assert "Image a is preferred (P(a preferred) = 1.00, votes)" in ran.out
    assert "a red fox in snow" in ran.out
    assert "subject present" in ran.out
    assert f"judged by {server.model}" in " ".join(ran.out.split())
    assert ran.err == "report: report.html\n"
    assert "a red fox in snow" in Path("report.html").read_text(encoding="utf-8")


def test_with_json_and_a_report_there_is_one_document(server: SmallServer) -> None:
    ran = run("rate", "a.png", *FOX, *small(server), "--json", "--report", "report.html")
    assert (ran.status, ran.json["score"]) == (0, 5.0)
    assert Path("report.html").is_file()


def test_sampling_goes_to_the_server(server: SmallServer) -> None:
    run("rate", "a.png", *FOX, *small(server), "--temperature", "0.7", "--seed", "3", "--max-output-tokens", "99")
    (body,) = server.bodies
    assert (body["temperature"], body["seed"]) == (0.7, 3)
    assert 99 in (body.get("max_tokens"), body.get("max_completion_tokens"))


def test_the_model_may_come_from_the_environment(server: SmallServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTORATER_MODEL", server.model)
    assert run("rate", "a.png", *FOX, "--tools", "none", "--json").json["judged_by"]["model"] == server.model


def test_control_characters_do_not_reach_the_terminal(server: SmallServer) -> None:
    def answer(schema: dict[str, Any]) -> str:
        return json.dumps({**json.loads(filled(schema)), "rationale": "\x1b[2J\x1b]0;owned\x07 [red]done[/]"})

    server.answer = answer
    ran = run("rate", "a.png", "--prompt", "a \x1b[31mfox [bold]x[/bold]", *small(server))
    assert ran.status == 0
    assert "\x1b" not in ran.out + ran.err
    assert "[red]done[/]" in ran.out
    assert "[bold]x[/bold]" in ran.out


# --- exit status -----------------------------------------------------------------------------------------------------


def test_no_result_is_three(server: SmallServer) -> None:
    server.answer = says("I would rather not.")
    ran = run("rate", "a.png", *FOX, *small(server), "--json")
    assert (ran.status, ran.json["outcome"], ran.json["score"]) == (3, "unparsable", None)
    ran = run("rate", "a.png", *FOX, "--tools", "none", "--json")
    assert (ran.status, ran.json["outcome"]) == (3, "abstained")


WRONG_CALLS = [
    (("rate",), "Missing argument 'image'"),
    (("rate", "a.png"), "Missing option '--prompt'"),
    (("rat",), "No such command 'rat'"),
    (("rate", "a.png", *FOX, "--modle", "x"), "No such option: --modle"),
    (("rate", "a.png", *FOX, "--samples", "none"), "Invalid value for '--samples'"),
    (("run", "items.jsonl", "--concurrency", "0"), "Invalid value for '--concurrency'"),
]


@pytest.mark.parametrize(("call", "message"), WRONG_CALLS)
def test_a_wrong_call_is_two_and_one_line(call: tuple[str, ...], message: str) -> None:
    ran = run(*call)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"autorater: {message}")
    assert ran.err.endswith("(see --help)\n")
    assert ran.err.count("\n") == 1
    told = run(*call, "--json")
    assert told.json["error"] == {"kind": "UsageError", "message": ran.err.removeprefix("autorater: ").strip()}


def test_an_interrupted_run_is_130_and_resumes(server: SmallServer) -> None:
    write_items()
    server.gate.clear()
    process = start("run", "items.jsonl", *small(server), "--log", "log")
    assert server.came.wait(60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    server.gate.set()
    assert process.returncode == 130
    assert "what was recorded is kept: run the same command to resume" in err
    assert "Traceback" not in err
    assert run("run", "items.jsonl", *small(server), "--log", "log", "--json").json["items"] == 3


def test_a_reader_that_leaves_is_no_error() -> None:
    process = start("tools", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(60)
    assert "Traceback" not in err
    assert "Exception ignored" not in err


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_counts_names_and_goes_on(server: SmallServer) -> None:
    gone = '{"id": "gone", "prompt": "x", "image": "gone.png"}'
    write_items("not JSON", "[1]", "", gone, '{"prompt": "x"}', "[" * 9999)
    ran = run("run", "items.jsonl", *small(server), "--json", "--out", "out.jsonl")
    assert ran.status == 1  # some items could not be used
    told = ran.json
    assert (told["items"], told["coverage"], told["stopped"]) == (3, 1.0, "")
    assert told["outcomes"] == {"scored": 1, "tie": 2}
    problems = [
        "items.jsonl, line 4: not a JSON object: ",
        "items.jsonl, line 5: not a JSON object: expected an object in braces",
        "item gone: no image at 'gone.png'",
        "item 8: expected one of 'images'",
        "items.jsonl, line 9: not a JSON",
    ]
    assert len(told["errors"]) == len(problems)
    assert all(any(error.startswith(wanted) for error in told["errors"]) for wanted in problems)
    assert ran.err.count("autorater: ") == len(problems)
    written = [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(item["id"] for item in written) == ["one", "three", "two"]


def test_a_run_resumes_replays_shows_and_reports(server: SmallServer) -> None:
    write_items()
    first = run("run", "items.jsonl", *small(server), "--log", "log", "--price", "1,5", "--report", "report.html")
    assert first.status == 0
    assert "3 items: " in first.out
    assert "100.0% have a result" in first.out
    asked = len(server.bodies)
    again = run("run", "items.jsonl", *small(server), "--log", "log", "--price", "1,5", "--json")
    assert (again.status, again.json["items"], len(server.bodies)) == (0, 3, asked)
    server.close()  # from here on, nothing needs it

    replayed = run("replay", "log", "--json", "--report", "again.html")
    assert (replayed.status, replayed.json["identical"], replayed.json["differing"]) == (0, 3, [])
    assert replayed.json["recorded_calls"] == asked
    assert "3 judgments, identical to the byte" in run("replay", "log").out

    shown = run("show", "log", "--json")
    assert sorted(item["id"] for item in shown.json) == ["one", "three", "two"]
    (one,) = run("show", "log", "one", "--json").json
    assert one in shown.json
    assert "Score 5.0 of 10" in run("show", "log", "one").out
    assert run("show", "log", "--report", "shown.html", "two").status == 0
    for name in ("report.html", "again.html", "shown.html"):
        text = Path(name).read_text(encoding="utf-8")
        assert text.startswith("<!DOCTYPE html>")
        assert str(Path.cwd()) not in text


def test_a_run_stops_at_its_budget_and_goes_on_with_more(server: SmallServer) -> None:
    write_items()
    call = ("run", "items.jsonl", *small(server), "--log", "log", "--price", "1000,1000", "--concurrency", "1")
    ran = run(*call, "--json", "--max-cost", "0.2")
    assert (ran.status, ran.json["items"]) == (1, 2)  # the second item was begun below the limit, and is finished
    assert ran.json["stopped"].startswith("the limit of $0.2 is reached")
    assert run(*call, "--json", "--max-cost", "100").json["items"] == 3


def test_a_run_without_one_result_is_three(server: SmallServer) -> None:
    write_items()
    server.answer = says("no")
    ran = run("run", "items.jsonl", *small(server), "--json")
    assert (ran.status, ran.json["coverage"], ran.json["outcomes"]) == (3, 0, {"unparsable": 3})


def test_an_empty_run_is_a_run() -> None:
    Path("items.jsonl").write_text("\n", encoding="utf-8")
    ran = run("run", "items.jsonl", "--json")
    assert (ran.status, ran.json["items"], ran.json["coverage"]) == (0, 0, None)


# --- the installation ------------------------------------------------------------------------------------------------


def test_tools() -> None:
    told = {tool["name"]: tool for tool in run("tools", "--json").json}
    assert len(told) >= 10
    assert told["face_similarity"]["needs"] == ["source"]
    assert told["niqe"]["quantities"][0]["better"] in ("higher", "lower")
    assert all(isinstance(tool["ready"], bool) and tool["licence"] and tool["errors"] for tool in told.values())
    printed = run("tools").out
    assert all(name in printed for name in told)


def test_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    told = run("models", "--json")
    assert told.json["keys"] == {"openai": True, "anthropic": False, "google": False}
    assert len({row["model"] for row in told.json["models"]}) == len(told.json["models"]) > 10
    printed = run("models")
    assert "OPENAI_API_KEY: set" in printed.out
    assert "GEMINI_API_KEY: not set" in printed.out
    assert "sk-secret" not in told.out + printed.out + printed.err


def test_the_doctor_tells_neither_keys_nor_paths(server: SmallServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    told, printed = run("doctor", "--json", "--model", server.model), run("doctor")
    assert (told.status, printed.status) == (0, 0)
    found = {row["what"]: row for row in told.json}
    assert found["OPENAI_API_KEY"]["detail"] == "set"
    assert found[server.model]["status"] == "ok"
    assert found["specialist sharpness"]["detail"] == "ready"
    for secret in ("sk-secret", str(SCRATCH), str(ROOT), str(Path.home()), sys.prefix, str(Path.cwd())):
        assert secret not in told.out + printed.out + told.err + printed.err


def test_the_doctor_finds_a_dead_server_bad() -> None:
    ran = run("doctor", "--json", "--model", "compatible:http://127.0.0.1:1/v1#m")
    assert ran.status == 1
    assert ran.json[-1]["status"] == "bad"


def test_the_demo_judges_reports_and_replays() -> None:
    pytest.importorskip("skimage", reason="the extra embedded is not installed")
    ran = run("demo", "--out", "demo.html", "--log", "log", "--json")
    assert ran.status == 0
    told = ran.json
    assert told["replay_identical"] is True
    assert told["as_people_would"] >= 4
    assert [item["id"] for item in told["judgments"]][-1] == "rating"
    page = Path("demo.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "a portrait of a smiling astronaut" in page
    assert run("replay", "log", "--json").json["identical"] == 6
