"""`autorater tools …`: list, show, pull, try, where, and the options of specialists on the judging commands."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from command import run, start
from pictures import png
from weights_server import WeightsServer

from autorater import AutoRater
from autorater.errors import UsageError
from autorater.image import open_picture

DATA = bytes(range(256)) * 400
MODULE = """
import numpy as np
from autorater.assessment import Declined, Mask, Measured, Reading, Region


class Fox:
    def __init__(self, *, device, size, weights):
        self.bytes = (weights / f"{size}.pt").stat().st_size
        self.size = size

    def __call__(self, views):
        return [self.look(view) for view in views]

    def look(self, view):
        if view.image.width < 20:
            return Declined(reason="too narrow for a fox")
        mask = Mask.of("fur", np.linspace(0, 1, 64).reshape(1, 64).repeat(64, 0))
        region = Region(label="fox", box=(0.1, 0.1, 0.6, 0.7), score=0.75)
        reading = Reading(quantity="foxes", value=len(view.prompt), sigma=0.5)
        return Measured(readings=(reading,), regions=(region,), mask=mask, text=f"a {self.size} fox")
"""
CARD = """---
name: {name}
title: Finds foxes
entry: fox_tools:Fox
needs: [prompt]
quantities:
  - {{name: foxes, meaning: Foxes found., unit: count, low: 0, high: null, better: higher}}
gives_text: true
seconds: 0.1
extra: foxes
imports: [{imports}]
weights:
  - {{file: small.pt, url: {url}, licence: MIT, bytes: 102400, when: {{size: small}}}}
  - {{file: large.pt, url: {url}, licence: MIT, sha256: {sha256}, when: {{size: large}}}}
options:
  - {{name: size, meaning: which fox, default: small, choices: [small, large]}}
accept: "{accept}"
licence: MIT
commercial: {commercial}
source: made up
errors: Misses white foxes in snow.
---
How to read it.
"""


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    running = WeightsServer()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def foxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WeightsServer) -> Path:
    """An installed package with specialists whose weights are on the server; gives the weights store."""
    home = tmp_path / "site"
    package = home / "fox_tools"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(MODULE, encoding="utf-8")
    told = {"url": server.put("/fox.pt", DATA), "sha256": sha256(DATA).hexdigest(), "imports": "", "accept": ""}
    for name, more in {
        "fox_finder": {"commercial": "true"},
        "fox_with_a_very_long_name_indeed": {"commercial": "true", "imports": "a_module_that_is_absent"},
        "fox_with_terms": {"commercial": "false", "accept": "Not for hens."},
    }.items():
        (package / f"{name}.md").write_text(CARD.format(name=name, **{**told, **more}), encoding="utf-8")
    info = home / "fox_tools-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fox-tools\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[autorater.specialists]\nfoxes = fox_tools\n", encoding="utf-8")
    monkeypatch.syspath_prepend(home)  # pyright: ignore[reportUnknownMemberType]
    monkeypatch.delitem(sys.modules, "fox_tools", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(home))
    monkeypatch.setenv("AUTORATER_WEIGHTS", str(tmp_path / "store"))
    for letter, width in (("a", 64), ("b", 10)):
        Path(f"{letter}.png").write_bytes(png(1, width=width, height=40))
    return tmp_path / "store"


def listed() -> dict[str, Any]:
    return {tool["name"]: tool for tool in run("tools", "--json").json}


# --- list, show, where -----------------------------------------------------------------------------------------------


def test_the_list_says_what_is_missing() -> None:
    told = listed()
    finder = told["fox_finder"]
    assert (finder["ready"], finder["weights_to_pull"], finder["bytes_to_pull"]) == (False, ["small.pt"], 102400)
    assert told["fox_with_a_very_long_name_indeed"]["missing"] == ["a_module_that_is_absent"]
    assert told["fox_with_terms"]["terms_to_accept"] == "Not for hens."
    assert told["sharpness"]["ready"]
    words = " ".join(run("tools").out.split())
    assert "autorater tools pull fox_finder (102 kB)" in words
    assert "pip install autorater-vision[foxes]; autorater tools pull fox_with_a_very_long_name_indeed" in words
    assert "autorater tools pull fox_with_terms (102 kB, terms to accept)" in words


@pytest.mark.parametrize("columns", ["80", "120"])
def test_no_name_is_cut(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out = run("tools").out
    assert max(len(line) for line in out.splitlines()) <= int(columns)
    for tool in listed().values():
        assert tool["name"] in out
        if len(tool["name"]) < 24:  # the longest name here leaves no room for words
            assert all(quantity["name"] in out for quantity in tool["quantities"])
    models = run("models").out
    assert all(row["model"] in models for row in run("models", "--json").json["models"])


def test_a_card_is_shown() -> None:
    out = " ".join(run("tools", "show", "fox_finder").out.split())
    for words in ("Finds foxes", "small (of small, large)", "How to read it.", "(when size=large)", "102 kB"):
        assert words in out
    told = run("tools", "show", "fox_finder", "--json").json
    assert told["body"] == "How to read it.\n"
    assert told["options"][0]["choices"] == ["small", "large"]
    ran = run("tools", "show", "fox_findr")
    assert (ran.status, ran.out) == (2, "")
    assert "did you mean 'fox_finder'?" in ran.err


def test_where_the_store_is(foxes: Path) -> None:
    assert run("tools", "where").out == f"{foxes}\n"
    assert run("tools", "where", "--json").json == {"folder": str(foxes), "exists": False, "bytes": 0}


# --- pull ------------------------------------------------------------------------------------------------------------


def test_pull_makes_ready(foxes: Path, server: WeightsServer) -> None:
    ran = run("tools", "pull", "fox_finder")
    assert (ran.status, ran.err) == (0, "")
    assert "fox_finder: small.pt, 102 kB, sha256" in ran.out
    assert "nobody publishes its sha256: what came now is pinned" in ran.out
    assert listed()["fox_finder"]["ready"]
    assert run("tools", "pull", "fox_finder").out == "fox_finder: all there and whole\n"
    told = run("tools", "pull", "fox_finder", "--option", "size=large", "--json").json
    assert [(one["file"], one["pinned"]) for one in told[0]["files"]] == [("large.pt", False)]
    assert (foxes / "fox_finder" / "large.pt").read_bytes() == DATA
    doctor = {row["what"]: row for row in run("doctor", "--json").json}
    assert "1 pinned at first sight" in doctor["weights of fox_finder"]["detail"]
    assert "free" in doctor["weights store"]["detail"]
    assert doctor["specialist fox_finder"]["detail"] == "ready"


def test_the_doctor_tells_of_a_store_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("AUTORATER_WEIGHTS", str(tmp_path / "file" / "store"))
    (told,) = [row for row in run("doctor", "--json").json if row["what"] == "weights store"]
    assert told["status"] == "note"
    assert told["detail"].startswith("cannot be made (Not a directory): mend its rights, or name another folder")
    assert str(tmp_path) not in told["detail"]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):
        return  # root may write everywhere
    monkeypatch.setenv("AUTORATER_WEIGHTS", str(closed))
    (told,) = [row for row in run("doctor", "--json").json if row["what"] == "weights store"]
    assert "free; cannot be written (Permission denied), so nothing can be pulled: mend" in told["detail"]


def test_pull_of_what_needs_nothing() -> None:
    assert run("tools", "pull", "sharpness").out == "sharpness: needs no weights beyond its packages\n"


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        ((), 2, "name the specialists whose weights are wanted, or give --all"),
        (("fox_finder", "--all"), 2, "name the specialists"),
        (("fox_findr",), 2, "did you mean 'fox_finder'?"),
        (("fox_finder", "--option", "size"), 2, "--option: expected name=value, got 'size'"),
        (("fox_finder", "--option", "size=huge"), 2, "fox_finder.size: expected one of small, large"),
        (("fox_finder", "sharpness", "--option", "size=large"), 2, "--option goes with one specialist"),
        (("fox_finder", "--mirror", "fox"), 2, "--mirror: expected an address"),
        (("fox_finder", "--from", "absent"), 2, "--from: there is no folder 'absent'"),
        (("fox_with_terms",), 2, "come under terms: Not for hens. If you accept them"),
        (("fox_with_terms", "--commercial"), 2, "forbids commercial use"),
    ],
)
def test_a_wrong_pull_is_one_line(call: tuple[str, ...], status: int, words: str, server: WeightsServer) -> None:
    ran = run("tools", "pull", *call)
    assert (ran.status, ran.out, ran.err.count("\n")) == (status, "", 1)
    assert words in ran.err
    assert server.asked == []


def test_terms_are_accepted_on_the_command_line() -> None:
    assert run("tools", "pull", "fox_with_terms", "--accept-licence").status == 0
    assert listed()["fox_with_terms"]["terms_to_accept"] == ""


def test_one_that_fails_does_not_keep_the_others(server: WeightsServer) -> None:
    server.files["/fox.pt"].status = 404
    ran = run("tools", "pull", "fox_finder", "sharpness")
    assert ran.status == 1
    assert ran.err.startswith("autorater: fox_finder: ")
    assert "(404)" in ran.err
    assert "sharpness: needs no weights" in ran.out
    told = run("tools", "pull", "fox_finder", "--json")
    assert (told.status, told.json["error"]["kind"]) == (1, "FetchRefused")


def test_an_interrupted_pull_is_kept_and_continued(foxes: Path, server: WeightsServer) -> None:
    server.files["/fox.pt"].cuts = [5000, 0, 0, 0]
    process = start("tools", "pull", "fox_finder")
    part = foxes / "fox_finder" / ".pull" / "files" / "small.pt.part"
    for _ in range(600):
        if part.is_file() and part.stat().st_size == 5000:
            break
        signal.sigtimedwait([], 0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "autorater: interrupted; what was downloaded is kept: run the same command to resume\n"
    assert part.stat().st_size == 5000
    server.files["/fox.pt"].cuts.clear()
    assert run("tools", "pull", "fox_finder").status == 0
    assert server.asked[-1][1] == "bytes=5000-"


# --- try -------------------------------------------------------------------------------------------------------------


def test_try_shows_readings_and_a_picture() -> None:
    run("tools", "pull", "fox_finder")
    ran = run("tools", "try", "fox_finder", "a.png", "b.png", "--prompt", "four", "--out", "pictures")
    assert (ran.status, ran.err) == (0, "")
    words = " ".join(ran.out.split())
    assert "foxes 4 ± 0.5" in words
    assert "higher is better" in words
    assert "box 1 fox 0.75 10 to 60 % across, 10 to 70 % down" in words
    assert "a small fox" in words
    assert "declined: too narrow for a fox" in words
    assert f"picture: pictures{os.sep}a.fox_finder.jpg" in words
    assert open_picture("pictures/a.fox_finder.jpg").width == 512
    told = run("tools", "try", "fox_finder", "a.png", "--prompt", "four", "--json").json
    assert (told[0]["image"], told[0]["outcome"]["kind"], told[0]["picture"]) == (
        "a.png",
        "measured",
        "a.fox_finder.jpg",
    )


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        (("fox_finder", "a.png"), 2, "looks at the prompt too: give it with --prompt"),
        (("face_similarity", "a.png"), 2, "compares with the source of an edit: give it with --source"),
        (("fox_finder", "absent.png", "--prompt", "x"), 2, "absent.png"),
        (
            ("fox_finder", "a.png", "--prompt", "x", "-o", "size=large"),
            2,
            "autorater tools pull fox_finder --option size",
        ),
        (("fox_with_a_very_long_name_indeed", "a.png"), 2, "autorater-vision[foxes]"),
        (("fox_findr", "a.png"), 2, "did you mean 'fox_finder'?"),
        (("fox_finder", "a.png", "--place", "worker"), 2, "--place: expected NAME=PLACE"),
        (("fox_finder", "a.png", "--place", "fox_finder=there"), 2, "a place is here, worker, worker:/path/to/python"),
        (
            ("fox_finder", "a.png", "--place", "sharpness=worker"),
            2,
            "a place is given for sharpness, but fox_finder is tried: leave it out",
        ),
        (("coco_objects", "a.png", "-o", "threshold=nan"), 2, "coco_objects.threshold: expected a float"),
        (("coco_objects", "a.png", "-o", "threshold=1e999"), 2, "coco_objects.threshold: expected a float"),
    ],
)
def test_a_wrong_try_is_one_line(call: tuple[str, ...], status: int, words: str) -> None:
    run("tools", "pull", "fox_finder")
    ran = run("tools", "try", *call)
    assert (ran.status, ran.out, ran.err.count("\n")) == (status, "", 1)
    assert words in ran.err


def test_try_looks_where_it_is_told_to() -> None:
    pytest.importorskip("httpx", reason="the extra workers is not installed")
    run("tools", "pull", "fox_finder")
    call = ("tools", "try", "fox_finder", "a.png", "--prompt", "four", "--json")
    here, there = run(*call).json, run(*call, "--place", "fox_finder=worker").json
    assert here[0]["outcome"]["kind"] == "measured"
    assert there[0]["outcome"] == here[0]["outcome"]


def test_try_tells_by_its_status_when_nothing_came(foxes: Path) -> None:
    run("tools", "pull", "fox_finder")
    call = ("tools", "try", "fox_finder", "b.png", "--prompt", "x")
    assert run(*call).status == 3
    (foxes / "fox_finder" / "small.pt").write_bytes(b"tampered")
    ran = run(*call)
    assert ran.status == 1
    assert "is cut off: it has 8 of 102400 bytes: run `autorater tools pull fox_finder`" in " ".join(ran.out.split())


def test_try_of_an_embedded_specialist() -> None:
    pytest.importorskip("scipy", reason="the extra embedded is not installed")
    told = run("tools", "try", "sharpness", "a.png", "--json")
    assert told.status == 0
    assert [reading["quantity"] for reading in told.json[0]["outcome"]["readings"]] == ["detail", "blur"]


# --- options of specialists ------------------------------------------------------------------------------------------


def test_options_reach_the_specialist_of_a_judge() -> None:
    run("tools", "pull", "fox_finder", "-o", "size=large")
    with AutoRater(
        tools=["fox_finder"], tool_options={"fox_finder": {"size": "large"}}, criterion="fox_finder.foxes"
    ) as it:
        assert it.toolbox.options(it.toolbox.card("fox_finder")) == {"size": "large"}
        judgment = it.rate("a.png", prompt="a fox")
    (assessment,) = [one for one in judgment.assessments if one.specialist == "fox_finder"]
    assert assessment.outcome.kind == "measured"
    assert assessment.outcome.text == "a large fox"
    with pytest.raises(UsageError, match="autorater tools pull fox_finder"):
        AutoRater(tools=["fox_finder"])


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("size=large", "--tool-option: expected SPECIALIST.OPTION=VALUE, as in dreamsim.variant=x; got 'size=large'"),
        ("fox_findr.size=large", "did you mean 'fox_finder'?"),
        ("fox_finder.weight=large", "fox_finder has no option 'weight'; known: size"),
        ("fox_finder.size=huge", "fox_finder.size: expected one of small, large, got 'huge'"),
    ],
)
def test_a_wrong_option_is_one_line(word: str, words: str) -> None:
    ran = run("rate", "a.png", "--prompt", "x", "--tool-option", word, "--json")
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert words in ran.err
    assert words in json.loads(ran.out)["error"]["message"]


# --- nothing comes unasked -------------------------------------------------------------------------------------------


def test_nothing_but_pull_asks_the_network(server: WeightsServer) -> None:
    for call in (
        ("tools",),
        ("tools", "show", "fox_finder"),
        ("tools", "try", "fox_finder", "a.png", "--prompt", "x"),
        ("rate", "a.png", "--prompt", "x", "--tools", "fox_finder"),
        ("doctor",),
    ):
        run(*call)
    assert server.asked == []
