"""What is imported when, and what every file keeps to."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import ROOT

HEAVY = ("torch", "transformers", "onnxruntime", "openai", "anthropic", "google.genai", "genai_prices", "scipy")
PACKAGES = ("autorater", "tools/autorater_tools", "evals/autorater_evals", "prompts/autorater_prompts")
LONGEST = 400


def tracked(*patterns: str) -> list[Path]:
    """The files of the repository that git knows."""
    told = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", *patterns], capture_output=True, text=True, check=False
    )
    if told.returncode:
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in told.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules_after(code: str) -> set[str]:
    """The modules that are loaded once `code` has run in a fresh Python."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(told.stdout.split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import autorater", (*HEAVY, "pydantic", "numpy", "PIL", "jinja2", "yaml", "typer", "rich", "asyncio")),
        ("import autorater.cli", (*HEAVY, "pydantic", "numpy", "PIL", "jinja2", "yaml", "asyncio")),
        ("from autorater import *", (*HEAVY, "typer", "rich")),
        ("import autorater.replay", (*HEAVY, "typer", "rich")),
        ("from autorater.model import open_model", (*HEAVY, "typer", "rich", "numpy")),
        (
            "from autorater.card import find_cards; find_cards()",
            (*HEAVY, "rich", "numpy", "autorater_tools.niqe"),
        ),
    ],
)
def test_what_is_not_needed_is_not_imported(code: str, absent: tuple[str, ...]) -> None:
    assert not modules_after(code) & set(absent)


@pytest.mark.parametrize("code", ["import autorater.autorater", "import autorater.cli", "import autorater.replay"])
def test_an_import_says_and_writes_nothing(code: str, tmp_path: Path) -> None:
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert (told.stdout, told.stderr, list(tmp_path.iterdir())) == ("", "", [])


def test_no_module_is_too_long() -> None:
    assert len(code()) > 60
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in code()}
    assert {path.name: length for path, length in lengths.items() if length > LONGEST} == {}


def code() -> list[Path]:
    """The Python files that ship."""
    return [path for package in PACKAGES for path in tracked(f"{package}/**.py")]


def test_every_public_name_has_a_docstring() -> None:
    missing: list[str] = []
    for path in code():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if tree.body and ast.get_docstring(tree) is None:
            missing.append(path.name)
        missing += [f"{path.name}: {name}" for name in undocumented(tree)]
    assert missing == []


def undocumented(tree: ast.AST, prefix: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None and not prefix.startswith("_"):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node, f"{node.name}.")


FOLDERS = re.compile(r"(?<![\w.])/(?:work|root|home|Users|mnt)/(\w+)")
REGISTRIES = re.compile(r"--(?:extra-)?index-url|--find-links|trusted-host|artifactory|://[^/\s]*(?:pypi|mirror)", re.I)
MADE_UP = {"jane"}
"""Users of machines that exist in tests alone."""


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data:
            yield path, data.decode("utf-8")


def test_no_file_names_a_machine_or_a_registry() -> None:
    found: list[str] = []
    for path, text in texts():
        if path == Path(__file__):
            continue
        found += [f"{path.name}: {hit[0]}" for hit in FOLDERS.finditer(text) if hit[1] not in MADE_UP]
        found += [f"{path.name}: {hit[0]}" for hit in REGISTRIES.finditer(text)]
    assert found == []


def test_every_text_ends_with_one_line_end_and_has_no_carriage_return() -> None:
    wrong = [
        path.name
        for path, text in texts()
        if path.suffix in (".py", ".md", ".toml", ".txt") and text and ("\r" in text or not text.endswith("\n"))
    ]
    assert wrong == []
