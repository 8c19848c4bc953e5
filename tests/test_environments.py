"""A specialist's own environment: made from its card, taken up again, found stale, removed; pip is scripted."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import command
import pytest
from breaking import breaking
from fakes import card
from pictures import picture
from places import ROOT

from autorater.assessment import Measured
from autorater.card import Environment
from autorater.environments import make_environment, remove_environment, run_aloud, source_of, sources
from autorater.errors import UsageError
from autorater.places.environment import environment_of
from autorater.toolbox import Toolbox, View

PINS = Environment(requirements=("numpy<3", "one-thing==2"), without_dependencies=("other-thing==1",))


@pytest.fixture(autouse=True)
def own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTORATER_ENVIRONMENTS", str(tmp_path / "environments"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))


class Pip:
    """Makes real environments that see the packages of this one, and notes what pip was asked."""

    def __init__(self, fails_at: str = "") -> None:
        self.asked: list[list[str]] = []
        self.fails_at = fails_at

    def __call__(self, command: Sequence[str]) -> str:
        if "venv" in command:
            run_aloud([*command[:-1], "--without-pip", command[-1]])
            python = Path(command[-1]) / "bin" / "python"
            where = "import sysconfig; print(sysconfig.get_path('purelib'))"
            ran = subprocess.run([str(python), "-c", where], capture_output=True, text=True, check=True)
            seen = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
            (Path(ran.stdout.strip()) / "seen.pth").write_text(seen, encoding="utf-8")
            self.asked.append(["venv"])
            return ""
        asked = list(command[command.index("pip") + 2 :])
        self.asked.append(asked)
        if self.fails_at and self.fails_at in asked:
            raise UsageError("no such package")
        return "one-thing==2\n" if asked == ["freeze"] else ""


def test_a_card_with_an_environment_runs_in_it_once_it_is_made() -> None:
    pinned = breaking("interpreter", quantities=(), gives_text=True, environment=PINS)
    box = Toolbox({"interpreter": pinned})
    told = "its environment: run `autorater tools env interpreter`"
    assert box.missing(pinned) == [told]
    assert box.ready() == {}
    with pytest.raises(UsageError, match=r"'interpreter' cannot run in a worker process of .*: its environment: run"):
        box.require(["interpreter"])

    pip = Pip()
    own = make_environment(pinned, run=pip)
    begin, install, bare, freeze = pip.asked
    assert begin == ["venv"]
    assert install[0] == "install"
    assert install[-2:] == ["numpy<3", "one-thing==2"]
    assert "[workers]" in " ".join(install)
    assert bare == ["install", "--no-deps", "other-thing==1"]
    assert freeze == ["freeze"]
    assert own.installed.read_text(encoding="utf-8") == "one-thing==2\n"

    assert box.missing(pinned) == []
    box.require(["interpreter"])
    outcome, _ = box.submit("interpreter", View(picture(0))).result(timeout=60)
    assert isinstance(outcome, Measured)
    assert outcome.text == str(own.python)
    box.close()
    here = Toolbox({"interpreter": pinned}, places={"interpreter": "here"})  # whoever says so
    outcome, _ = here.submit("interpreter", View(picture(0))).result(timeout=60)
    assert isinstance(outcome, Measured)
    assert outcome.text == sys.executable
    here.close()


def test_what_was_begun_is_taken_up_again() -> None:
    pinned = breaking("plain", environment=PINS)
    with pytest.raises(UsageError, match="no such package"):
        make_environment(pinned, run=Pip(fails_at="other-thing==1"))
    assert "run `autorater tools env plain`" in environment_of(pinned).wrong()
    again = Pip()
    make_environment(pinned, run=again)
    assert ["venv"] not in again.asked
    assert environment_of(pinned).wrong() == ""
    renewed = Pip()
    make_environment(pinned, python=sys.executable, run=renewed)
    assert renewed.asked[0] == ["venv"]


def test_a_card_that_asks_for_something_else_now_is_told() -> None:
    make_environment(breaking("plain", environment=PINS), run=Pip())
    changed = breaking("plain", environment=Environment(requirements=("one-thing==3",)))
    told = "its environment is not what its card asks for now: run `autorater tools env plain`"
    assert environment_of(changed).wrong() == told
    environment_of(changed).mark.write_text("{", encoding="utf-8")
    assert environment_of(changed).wrong() == "its environment: run `autorater tools env plain`"


def test_a_card_that_names_too_little_is_told() -> None:
    with pytest.raises(UsageError, match="everything was installed, but plain also needs no_such_module: its card"):
        make_environment(breaking("plain", environment=PINS, imports=("json", "no_such_module")), run=Pip())


def test_a_card_without_an_environment_gets_its_extra() -> None:
    pip = Pip()
    own = make_environment(card("width", extra="embedded"), run=pip)
    assert "[workers,embedded]" in pip.asked[1][-1]
    assert environment_of(card("width", extra="embedded")).wrong() == ""
    assert own.python.is_file()


def test_an_environment_is_removed_and_nothing_else(tmp_path: Path) -> None:
    plain = breaking("plain", environment=PINS)
    assert not remove_environment(plain)
    make_environment(plain, run=Pip())
    assert remove_environment(plain)
    assert not environment_of(plain).folder.exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment_of(plain).folder.symlink_to(elsewhere)
    with pytest.raises(UsageError, match="is a link to elsewhere: remove it yourself"):
        remove_environment(plain)
    assert elsewhere.is_dir()


# --- where this distribution comes from ------------------------------------------------------------------------------


class From(Distribution):
    """A distribution that was installed from `direct`."""

    def __init__(self, direct: Any) -> None:
        self.direct = direct

    def read_text(self, filename: str) -> str | None:
        if filename == "direct_url.json":
            return None if self.direct is None else json.dumps(self.direct)
        return "Metadata-Version: 2.1\nName: mine\nVersion: 1.2\n"

    def locate_file(self, path: Any) -> Any:
        return Path(path)


def test_it_is_installed_from_where_this_one_came_from(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    url = folder.as_uri()
    commit = {"vcs": "git", "commit_id": "c0ffee"}
    wheel: dict[str, Any] = {"archive_info": {}, "url": "https://host/mine.whl"}
    assert source_of(From(None), ["x", "y"]) == ["mine[x,y]==1.2"]
    assert source_of(From({"url": url, "dir_info": {"editable": True}}), ["x"]) == ["-e", f"{folder}[x]"]
    assert source_of(From({"url": url, "dir_info": {}}), ()) == [str(folder)]
    assert source_of(From({"url": f"{url}/gone.whl", "archive_info": {}}), ["x"]) == ["mine[x]==1.2"]
    assert source_of(From(wheel), ["x"]) == ["mine[x] @ https://host/mine.whl"]
    assert source_of(From({"url": "https://host/r", "vcs_info": commit}), ()) == ["mine @ git+https://host/r@c0ffee"]


def test_the_package_of_a_card_comes_along() -> None:
    assert len(sources(card("width"), ["workers"])) <= 2  # of nobody's package: this distribution alone


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_refuses_unknown_names_and_removes() -> None:
    assert command.run("tools", "env", "no_such").status == 2
    ran = command.run("tools", "env", "sharpness", "--remove", "--json")
    assert (ran.status, ran.json) == (0, [{"specialist": "sharpness", "removed": False}])


def test_a_step_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ended with status 3, see above; run the same command to go on"):
        run_aloud([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(UsageError, match="cannot be run: No such file or directory"):
        run_aloud([str(tmp_path / "python"), "-m", "venv"])


def test_places_are_chosen_on_the_command_line(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(picture(1).data)
    wrong = command.run("rate", image, "-p", "noise", "--tools", "exposure", "--place", "exposure")
    assert (wrong.status, "--place: expected NAME=PLACE, as in sharpness=worker" in wrong.err) == (2, True)
    dead = command.run("rate", image, "-p", "noise", "--place", "exposure=http://127.0.0.1:9")
    assert (dead.status, "the server cannot be reached" in dead.err) == (2, True)
    assert "a place is here, worker" in command.run("rate", image, "-p", "noise", "--place", "exposure=there").err
    told = [
        command.run("rate", image, "-p", "noise", "--tools", "exposure", "--no-cache", "--json", "--place", place).json
        for place in ("exposure=here", "exposure=worker")
    ]
    here, worker = (one["assessments"][0]["outcome"] for one in told)
    assert here == worker
    assert here["kind"] == "measured"
