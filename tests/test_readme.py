"""The README's examples run as they stand: shell lines through the command, Python blocks as scripts."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("skimage", reason="the README's examples need the extra: embedded")

from autorater.cli import main
from autorater.demo import photographs

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(<!-- not run[^>]*-->\n)?```(\w+)\n(.*?)```", README, re.DOTALL)
SHELL = [
    line
    for skipped, language, text in BLOCKS
    if language == "sh" and not skipped
    for line in text.splitlines()
    if line.startswith("autorater ")
]
PYTHON = [text for skipped, language, text in BLOCKS if language == "python" and not skipped]
ITEMS, LABELLED = (text for _, language, text in BLOCKS if language == "json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the examples name."""
    made = tmp_path_factory.mktemp("readme")
    pictures = photographs()
    for name, picture in zip(("a.png", "b.png", "s.png"), pictures.values(), strict=True):
        picture.thumbnail((224, 224))
        picture.save(made / name)
    (made / "items.jsonl").write_text(ITEMS, encoding="utf-8")
    (made / "labelled.jsonl").write_text(LABELLED, encoding="utf-8")
    return made


def test_the_readme_has_examples() -> None:
    assert len(SHELL) >= 9
    assert len(PYTHON) >= 3


@pytest.mark.parametrize("line", SHELL)
def test_shell_lines_run(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as end:
        main(shlex.split(line)[1:])
    assert end.value.code in (0, None), capsys.readouterr().err
    assert capsys.readouterr().out.strip()


def test_python_blocks_run_in_order(folder: Path) -> None:
    for block in PYTHON:
        done = subprocess.run([sys.executable, "-c", block], cwd=folder, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


SKIPPED = [
    line.partition("  #")[0]
    for skipped, language, text in BLOCKS
    if skipped and language == "sh"
    for line in text.splitlines()
    if line.startswith("autorater ")
]


@pytest.mark.parametrize("line", SKIPPED)
def test_options_of_the_lines_that_do_not_run_here_exist(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    words = shlex.split(line)[1:]
    command = words[:2] if words[0] in ("tools", "eval", "distill") else words[:1]
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    told = capsys.readouterr().out
    assert [option for option in re.findall(r"--[\w-]+", line) if option not in told] == []
