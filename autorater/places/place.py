"""A place by its name: `here`, `worker`, `worker:/path/to/python`, `http://host:8100`; each may end with `#device`."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from autorater.errors import UsageError

Kind = Literal["here", "worker", "http"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one specialist runs. It changes no result; the device may, and is part of the settings.

    `python` is the interpreter of a worker (None: this one), `address` that of a server. `device` is a torch device
    name, None for the toolbox's. A batch that takes longer than `timeout` seconds is given up; a worker that had
    nothing to do for `idle_seconds` is ended, and started again at need (None: never ended).
    """

    kind: Kind
    python: Path | None = None
    address: str = ""
    device: str | None = None
    timeout: float = 600.0
    idle_seconds: float | None = 600.0

    def words(self) -> str:
        """The place as a person reads it; it names paths and hosts, so it is for no log."""
        if self.kind == "http":
            return f"at {self.address}"
        if self.kind == "worker":
            return f"in a worker process of {self.python}" if self.python else "in a worker process"
        return "in this process"


HERE = Place("here")


def parse_place(text: str) -> Place:
    """The place of this name. Raises UsageError when it is none."""
    rest, _, device = text.partition("#") if text.count("#") == 1 else (text, "", "")
    on = device or None
    if rest == "here":
        return Place("here", device=on)
    if rest == "worker":
        return Place("worker", device=on)
    if rest.startswith("worker:") and len(rest) > len("worker:"):
        return Place("worker", python=Path(rest.removeprefix("worker:")).expanduser(), device=on)
    if rest.startswith(("http://", "https://")) and _is_address(rest):
        return Place("http", address=rest.rstrip("/"), device=on)
    raise UsageError(
        "a place is here, worker, worker:/path/to/python, or http://host:port (each with #cuda for another device), "
        f"got {text!r}"
    )


def is_loopback(host: str) -> bool:
    """Whether this host is the machine itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(address: str, *, token: str) -> None:
    """Raise UsageError unless images may be sent there.

    Without encryption they go beyond this machine only where a token was agreed on, so that a mistyped or taken-over
    name gets nothing by chance.
    """
    told = urlsplit(address)
    if told.scheme == "http" and not token and not is_loopback(told.hostname or ""):
        raise UsageError(
            f"{address} is another machine and is not encrypted: set AUTORATER_TOOLS_TOKEN to the server's token "
            "(or use https://, or a tunnel to 127.0.0.1)"
        )


def _is_address(text: str) -> bool:
    try:
        told = urlsplit(text)
        host = (told.hostname or "").encode("idna")
        beside = told.query or told.fragment or told.username
        return bool(host) and (told.port is None or told.port > 0) and not beside
    except ValueError:  # UnicodeError too: a name that no host can have
        return False
