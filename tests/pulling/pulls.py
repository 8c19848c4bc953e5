"""What the tests of `autorater tools pull` share: cards of foxes, a pull of one, and archives."""

import io
import stat
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fakes import card

from autorater.card import Card, Weights
from autorater.errors import AutoRaterError
from autorater.pulling import Came, How, pull
from autorater.store import folder_of

DATA = bytes(range(256)) * 4000
DIGEST = sha256(DATA).hexdigest()
QUICK = How(wait=0.001)


class Notes:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int | None, int]] = []
        self.bytes = 0

    def begin(self, what: str, total: int | None, done: int) -> None:
        """A file begins."""
        self.begun.append((what, total, done))

    def advance(self, count: int) -> None:
        """So many bytes more are here."""
        self.bytes += count


def fox(*weights: dict[str, Any], **fields: Any) -> Card:
    return card("fox", weights=tuple(Weights.model_validate({"licence": "MIT", **one}) for one in weights), **fields)


def get(of: Card, how: How = QUICK, watch: Notes | None = None, **options: Any) -> list[Came]:
    return pull(of, of.options(options), how, watch or Notes())


def refusal(of: Card, how: How = QUICK) -> str:
    with pytest.raises(AutoRaterError) as raised:
        get(of, how)
    message = str(raised.value)
    assert "\n" not in message
    return message


def part_of(of: Card, path: str = "fox.pt") -> Path:
    return folder_of(of) / ".pull" / "files" / f"{path}.part"


def zipped(files: dict[str, bytes], *, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16 if name == link else 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], *, link: str = "", mode: Any = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name == link:
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


FILES = {"top/a.pt": DATA, "top/lora/config.json": b"{}", "other/b.pt": b"b"}
