"""While a package loads it fetches nothing, and afterwards the process is as before."""

import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")

from autorater_tools._offline import loading_from  # noqa: E402


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder of torch.hub with one repository, whose entry takes a number from a module called "utils"."""
    place = tmp_path / "someone_network_main"
    place.mkdir()
    (place / "hubconf.py").write_text("from utils import NUMBER\n\ndef network():\n    return NUMBER\n", "utf-8")
    (place / "utils.py").write_text("NUMBER = 7\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["someone/network", "someone/network:main"])
def test_code_of_a_repository_leaves_the_callers_modules_alone(
    repository: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ModuleType("utils")
    monkeypatch.setitem(sys.modules, "utils", own)
    path = list(sys.path)
    with loading_from(repository, "tester"):
        assert torch.hub.load(name, "network") == 7
    assert sys.modules["utils"] is own
    assert sys.path == path
    assert capsys.readouterr() == ("", "")
    assert [path.name for path in repository.iterdir()] == ["someone_network_main"]  # no list of trusted repositories


def test_two_threads_that_load_leave_everything_as_it_was(tmp_path: Path) -> None:
    load, hub = torch.load, torch.hub.load
    first, second = threading.Event(), threading.Event()

    def one() -> None:
        with loading_from(tmp_path, "one"):
            first.set()
            second.wait(0.2)  # the other would come in now, if it could

    def other() -> None:
        first.wait(5)
        with loading_from(tmp_path, "other"):
            second.set()
            threads[0].join(0.2)

    threads = [threading.Thread(target=work) for work in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert second.is_set()
    assert (torch.load, torch.hub.load) == (load, hub)
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "absent.pt")
