"""Files beside a log: written whole or not at all, read by lines that a line feed alone ends."""

import os
from pathlib import Path


def put_whole(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all. Raises OSError; nothing is left behind."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_lines(path: Path) -> list[str]:
    """The lines of a text in UTF-8: a prompt may hold what Unicode calls a line separator. Raises OSError."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
