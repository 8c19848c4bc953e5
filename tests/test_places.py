"""Places: a specialist says the same here, in a worker process and behind an address."""

import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from breaking import PID, breaking
from fakes import Width, card
from pictures import picture, png
from places import ROOT
from serving_here import Serving

from autorater import AutoRater
from autorater.assessment import Measured, Outcome
from autorater.cache import code_digest
from autorater.card import Card, find_cards
from autorater.errors import MissingExtraError, SpecialistError, UsageError
from autorater.image import open_picture
from autorater.places.lane import Job, Lane
from autorater.places.place import Place, check_address, parse_place
from autorater.toolbox import Toolbox, View, tool_settings

OPTION = {"name": "factor", "meaning": "What the width is multiplied by.", "default": 1}


@pytest.fixture(autouse=True)
def workers_find_the_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))
    code_digest.cache_clear()  # whoever runs the tests may be writing a specialist meanwhile
    Width.gate.set()


def wide(width: int, **rest: Any) -> View:
    return View(open_picture(png(width, width=width, height=4)), **rest)


def process_of(outcome: Outcome) -> int:
    assert isinstance(outcome, Measured)
    return int(outcome.readings[0].value)


def look(box: Toolbox, name: str, views: Sequence[View]) -> list[Outcome]:
    return [future.result(timeout=60)[0] for future in box.submit_all(name, views)]


# --- the names of places ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("here", Place("here")),
        ("here#cuda:1", Place("here", device="cuda:1")),
        ("worker", Place("worker")),
        ("worker#cuda", Place("worker", device="cuda")),
        ("worker:/opt/env/bin/python", Place("worker", python=Path("/opt/env/bin/python"))),
        ("http://127.0.0.1:8100", Place("http", address="http://127.0.0.1:8100")),
        ("https://gpu.example/tools/#cuda", Place("http", address="https://gpu.example/tools", device="cuda")),
    ],
)
def test_a_place_is_read(text: str, place: Place) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "there",
        "worker:",
        "http://",
        "http://host:port",
        "http://host:99999",
        "ftp://host",
        "http://me:key@host",
        "http://host#one#two",
        "http://.host",
        f"http://{'a' * 64}.example",
        "#",
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"a place is here, worker, worker:/path/to/python, or http://host:port"):
        parse_place(text)


def test_places_are_of_specialists_that_are_there() -> None:
    with pytest.raises(UsageError, match="no specialist is called 'widht'; did you mean 'width'"):
        Toolbox({"width": card("width")}, places={"widht": "worker"})


def test_images_go_unencrypted_to_another_machine_only_with_a_token() -> None:
    check_address("http://127.0.0.1:1", token="")
    check_address("http://[::1]:1", token="")
    check_address("https://gpu.example", token="")
    check_address("http://gpu.example", token="secret")
    with pytest.raises(
        UsageError, match=r"http://gpu.example is another machine and is not encrypted: set AUTORATER_T"
    ):
        check_address("http://gpu.example", token="")
    box = Toolbox({"width": card("width")}, places={"width": "http://gpu.example"})
    with pytest.raises(UsageError, match="is not encrypted"):
        box.require(["width"])


def test_a_place_is_no_setting_but_a_device_is() -> None:
    cards = {"width": card("width"), "plain": breaking("plain")}
    plain = Toolbox(cards).settings
    assert Toolbox(cards, places={"width": "worker", "plain": "http://127.0.0.1:1"}).settings == plain
    assert Toolbox(cards, places={"width": "worker#cpu:1"}).settings == plain
    on_cuda = Toolbox(cards, places={"width": "worker#cuda:1"})
    assert on_cuda.settings == tool_settings("cpu", {}, {"width": "cuda"}) != plain
    assert on_cuda.device_of(cards["width"]) == "cuda:1"
    assert on_cuda.device_of(cards["plain"]) == "cpu"


# --- the same everywhere ---------------------------------------------------------------------------------------------


@pytest.fixture
def everywhere() -> Iterator[dict[str, Toolbox]]:
    """The same specialists in three places."""
    real = {name: one for name, one in find_cards().items() if name in ("sharpness", "pixel_change")}
    cards: dict[str, Card] = {
        **{name: one for name, one in real.items() if not one.missing()},
        "plain": breaking("plain", options=(OPTION,), gives_text=True),
        "picky": breaking("picky"),
    }
    chosen = {"plain": {"factor": 3}}
    with Serving(cards, options=chosen) as serving:
        boxes = {
            "here": Toolbox(cards, options=chosen),
            "worker": Toolbox(cards, options=chosen, places=dict.fromkeys(cards, "worker")),
            "http": Toolbox(cards, options=chosen, places=dict.fromkeys(cards, serving.address)),
        }
        yield boxes
        for box in boxes.values():
            box.close()


def test_outcomes_are_the_same_to_the_bit(everywhere: dict[str, Toolbox]) -> None:
    full = View(picture(1), prompt='say "hi"\n\u2028\U0001f600', sources=(picture(2), picture(3)), rival=picture(4))
    bare = [View(picture(5)), View(picture(6), sources=(picture(5),))]
    views = {"plain": [full, *bare], "picky": [wide(12), wide(13), wide(5)]}
    views |= {name: [View(picture(7), sources=(picture(8),)), *bare] for name in ("sharpness", "pixel_change")}
    for name in everywhere["here"].cards:
        assert everywhere["worker"].missing(everywhere["worker"].cards[name]) == []
        told = {
            where: [one.model_dump_json() for one in look(box, name, views[name])] for where, box in everywhere.items()
        }
        assert told["worker"] == told["here"]
        assert told["http"] == told["here"]
        assert "measured" in told["here"][0]


def test_a_judgment_is_the_same_and_its_log_names_no_place(tmp_path: Path) -> None:
    name = "exposure"
    with Serving({name: find_cards()[name]}) as serving:
        judgments: dict[str, Any] = {}
        for where, place in {"here": "here", "worker": "worker", "http": serving.address}.items():
            log = tmp_path / where
            with AutoRater(tools=[name], places={name: place}, cache=False, log=log) as judge:
                judgments[where] = judge.compare(picture(1), picture(2), prompt="noise", id="one")
            told = (log / "events.jsonl").read_text(encoding="utf-8")
            assert "http://" not in told
            assert sys.executable not in told
    values = {
        where: [(one.outcome, one.provenance.device, one.provenance.settings) for one in judgment.assessments]
        for where, judgment in judgments.items()
    }
    assert values["here"] == values["worker"] == values["http"]
    assert values["here"]


def test_a_batch_stays_one_batch_at_every_place() -> None:
    Width.batches.clear()
    with Serving({"width": card("width")}) as serving:
        box = Toolbox({"width": card("width")}, places={"width": serving.address})
        look(box, "width", [wide(20 + number) for number in range(16)])
        box.close()
    assert Width.batches == [16]


# --- one lane each ---------------------------------------------------------------------------------------------------


def test_a_slow_place_keeps_no_other_waiting() -> None:
    cards = {"hanging": breaking("hanging"), "plain": breaking("plain")}
    box = Toolbox(cards, places={"hanging": "worker"})
    stuck = box.submit("hanging", wide(13))
    assert look(box, "plain", [wide(20)])[0].kind == "measured"
    assert not stuck.done()
    box.close()
    with pytest.raises(SpecialistError, match="the toolbox was closed before hanging looked"):
        stuck.result(timeout=20)


def test_memory_is_given_back_on_request() -> None:
    cards = {"width": card("width"), "process": breaking("process", quantities=(PID,))}
    box = Toolbox(cards, places={"process": "worker"})
    Width.devices.clear()
    before = look(box, "process", [wide(20)]) + look(box, "width", [wide(20)])
    box.unload()
    after = look(box, "process", [wide(20)]) + look(box, "width", [wide(20)])
    box.close()
    assert before[0] != after[0]  # another process
    assert before[1] == after[1]
    assert len(Width.devices) == 2  # loaded again


def test_what_wants_to_end_python_only_fails() -> None:
    for place in ("here", "worker"):
        box = Toolbox({"leaving": breaking("leaving")}, places={"leaving": place})
        told = [getattr(one, "error", one.kind) for one in look(box, "leaving", [wide(12), wide(13), wide(14)])]
        box.close()
        assert told == ["measured", "SystemExit: thirteen", "measured"]


def test_an_error_names_no_folder_of_the_machine() -> None:
    for place in ("here", "worker"):
        box = Toolbox({"astray": breaking("astray")}, places={"astray": place})
        (found,) = look(box, "astray", [wide(12)])
        box.close()
        assert getattr(found, "error", "") == "FileNotFoundError: [Errno 2] No such file: '…/config.json'"


class Restless:
    """A place that cannot rest, as when a GPU failed."""

    device = "cpu"
    idle_seconds: float | None = 0.01

    def outcomes(self, card: Card, views: Sequence[View], /) -> list[Outcome]:
        """Nothing but words."""
        return [Measured(text="seen") for _ in views]

    def rest(self) -> None:
        """Fail."""
        raise RuntimeError("CUDA error: device-side assert triggered")

    def abort(self) -> None:
        """Nothing to stop."""


def test_a_place_that_cannot_rest_still_looks() -> None:
    lane = Lane(Restless(), settings="", name="restless")
    lane.put([])
    time.sleep(0.05)  # idle, too
    job = Job(card("width"), wide(20), Future())
    lane.put([job])
    assert job.done.result(timeout=10)[0] == Measured(text="seen")
    lane.stop()
    lane.join(10)
    assert not lane.thread.is_alive()


# --- another interpreter ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment that sees the packages of this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([str(python), "-c", where], capture_output=True, text=True, check=True).stdout.strip()
    seen = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (Path(own) / "seen.pth").write_text(seen, encoding="utf-8")
    return python


def test_a_worker_runs_on_another_interpreter(other_python: Path) -> None:
    one = breaking("interpreter", quantities=(), gives_text=True)
    box = Toolbox({"interpreter": one}, places={"interpreter": f"worker:{other_python}"})
    assert box.missing(one) == []
    box.require(["interpreter"])
    assert getattr(look(box, "interpreter", [wide(20)])[0], "text", "") == str(other_python)
    box.close()


def test_what_is_missing_is_asked_where_it_would_run(other_python: Path, tmp_path: Path) -> None:
    lacking = card("width", imports=("json", "no_such_module"))
    box = Toolbox({"width": lacking}, places={"width": f"worker:{other_python}"})
    assert box.missing(lacking) == ["no_such_module"]
    with pytest.raises(UsageError, match=r"'width' cannot run in a worker process of .*python: no_such_module"):
        box.require(["width"])
    here = Toolbox({"width": lacking}, places={"width": "worker"})
    with pytest.raises(MissingExtraError, match="missing: no_such_module"):
        here.require(["width"])
    nowhere = Toolbox({"width": card("width")}, places={"width": f"worker:{tmp_path / 'python'}"})
    assert nowhere.missing(card("width")) == [f"an interpreter at {tmp_path / 'python'} (No such file or directory)"]
    assert nowhere.ready() == {}
    (found,) = look(nowhere, "width", [wide(20)])
    assert getattr(found, "error", "") == "the worker could not be started: No such file or directory"
    nowhere.close()


# --- closing ---------------------------------------------------------------------------------------------------------


def test_a_closed_toolbox_stays_closed() -> None:
    box = Toolbox({"width": card("width"), "plain": breaking("plain")}, places={"plain": "worker"})
    Width.gate.clear()
    looking = box.submit("width", wide(12))
    while not looking.running():
        time.sleep(0.01)
    closing = threading.Thread(target=box.close)
    closing.start()
    time.sleep(0.2)
    begun = time.monotonic()
    late = [*box.submit_all("plain", [wide(12), wide(14)]), box.submit("width", wide(12))]
    assert time.monotonic() - begun < 1  # whoever asks does not wait until all have ended
    assert closing.is_alive()
    Width.gate.set()
    closing.join(10)
    for future in late:
        with pytest.raises(SpecialistError, match=r"the toolbox was closed before (plain|width) looked"):
            future.result(timeout=1)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("autorater-worker")]


def test_closing_leaves_no_thread_and_no_process() -> None:
    cards = {"width": card("width"), "hanging": breaking("hanging"), "process": breaking("process", quantities=(PID,))}
    Width.gate.clear()
    with Serving({"width": cards["width"]}) as serving:
        box = Toolbox(cards, places={"width": serving.address, "hanging": "worker", "process": "worker"})
        pid = process_of(look(box, "process", [wide(20)])[0])
        stuck = [box.submit("hanging", wide(13)), box.submit("width", wide(14)), box.submit("width", wide(15))]
        time.sleep(0.2)
        begun = time.monotonic()
        box.close()
        assert time.monotonic() - begun < 10
        for future in stuck:
            with pytest.raises(SpecialistError, match=r"the toolbox was closed before (hanging|width) looked"):
                future.result(timeout=1)
        Width.gate.set()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("autorater-worker", "autorater-http"))]
    box.close()
