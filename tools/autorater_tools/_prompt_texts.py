"""Prompts that a model was tuned on, read from its authors' own file: they belong to them and are not copied here."""

import ast
from collections.abc import Sequence
from pathlib import Path

from autorater.errors import SpecialistError
from autorater_tools._weights import AGAIN

PLACE = "{text_prompt}"
"""Where the prompt goes in the authors' instructions."""


def read_texts(path: Path, names: Sequence[str]) -> dict[str, str]:
    """The string constants `names` that the Python file at `path` assigns. The file is parsed and never run.

    Raises:
        SpecialistError: the file is no Python, or does not assign all of `names`.

    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise SpecialistError(
            f"{path.name} cannot be read as the authors' prompts ({type(error).__name__}): {AGAIN}"
        ) from error
    texts: dict[str, str] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            for target in statement.targets:
                if isinstance(target, ast.Name) and isinstance(statement.value.value, str):
                    texts[target.id] = statement.value.value
    if missing := [name for name in names if name not in texts]:
        raise SpecialistError(f"{path.name} lacks {', '.join(missing)}: it is of another version; {AGAIN}")
    return {name: texts[name] for name in names}


def with_place(text: str) -> str:
    """`text`, when it has a place for the prompt. Raises SpecialistError when it has none."""
    if PLACE not in text:
        raise SpecialistError(f"the authors' instruction has no place for the prompt ({PLACE}): fetch its file again")
    return text
