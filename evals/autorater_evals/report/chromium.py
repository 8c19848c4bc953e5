"""Drives a headless Chromium over a pipe (the DevTools protocol, with nothing in between), to try and measure the page.

https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from autorater.errors import AutoRaterError, UsageError

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chrome-headless-shell")
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
)
_LOW = 10
_CODES = {"Enter": 13, "Escape": 27}
"""Keys that the browser itself acts on, which it knows by number."""


def find_chromium() -> str | None:
    """The path of a Chromium: what CHROME_BIN names, else the first of `NAMES` on the path; None when there is none."""
    named = os.environ.get("CHROME_BIN")
    if named:
        return named if Path(named).is_file() else None
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class BrowserError(AutoRaterError):
    """The browser ended, did not answer in time, or the page's script failed."""


class Browser:
    """One Chromium process with an empty profile.

    Raises:
        UsageError: there is no Chromium.

    """

    def __init__(self, *, program: str | None = None, patience: float = 60.0) -> None:
        found = program or find_chromium()
        if found is None:
            raise UsageError(f"no Chromium found: install one of {', '.join(NAMES)}, or name it in CHROME_BIN")
        self.patience = patience
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        commands, self._writer = os.pipe()
        self._reader, answers = os.pipe()
        # The browser reads at 3 and writes at 4; what is moved there must not lie there itself.
        held = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, _LOW) for one in (commands, answers)]
        for one in (commands, answers):
            os.close(one)
        quiet = [(os.POSIX_SPAWN_OPEN, one, os.devnull, os.O_RDWR, 0) for one in (1, 2)]
        moved = [(os.POSIX_SPAWN_DUP2, one, target) for one, target in zip(held, (3, 4), strict=True)]
        arguments = [found, *_FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        self.pid = os.posix_spawn(found, arguments, dict(os.environ), file_actions=[*quiet, *moved], setsid=True)
        for one in held:
            os.close(one)
        self._buffer = b""
        self._number = 0
        self._heard: list[dict[str, Any]] = []

    def send(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """One command and its answer. Raises BrowserError."""
        self._number += 1
        told: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session:
            told["sessionId"] = session
        os.write(self._writer, json.dumps(told).encode() + b"\0")
        end = time.monotonic() + self.patience
        while True:
            message = self._read(end, method)
            if message.get("id") == self._number:
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error'].get('message')}")
                return message["result"]
            self._heard.append(message)

    def events(self, session: str, method: str) -> list[dict[str, Any]]:
        """What was heard of a page until now, by the name of the event."""
        return [one["params"] for one in self._heard if (one.get("sessionId"), one["method"]) == (session, method)]

    def _read(self, end: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reader], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self._reader, 2**20) if ready else b""
            if not part:
                raise BrowserError(f"Chromium {'ended' if ready else 'did not answer'} while it was asked for {what}")
            self._buffer += part
        line, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(line)

    def open(self, path: Path, *, width: int = 1400, height: int = 900, dark: bool = False, mark: str = "") -> "Tab":
        """A page of the file system, in a window of this size; `mark` is what follows the `#`."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session, target)
        for domain in ("Page", "Runtime", "Log"):
            tab.send(f"{domain}.enable")
        tab.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.send("Emulation.setEmulatedMedia", features=[scheme])
        tab.send("Page.navigate", url=path.resolve().as_uri() + (f"#{mark}" if mark else ""))
        return tab

    def close(self) -> None:
        """End the browser and everything that it started."""
        with suppress(BrowserError, OSError):
            self.patience = 5.0
            self.send("Browser.close")
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        for one in (self._reader, self._writer):
            os.close(one)
        self._profile.cleanup()

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Tab:
    """One open page."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return self._browser.send(method, self._session, **parameters)

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for. Raises BrowserError when it throws."""
        told = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            details = told["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return told["result"].get("value")

    def wait(self, script: str) -> None:
        """Until an expression is true. Raises BrowserError when that does not happen in time."""
        end = time.monotonic() + self._browser.patience
        while time.monotonic() < end:
            with suppress(BrowserError):  # the page is not there yet
                if self.run(f"!!({script})"):
                    return
            time.sleep(0.03)
        raise BrowserError(f"the page never got to: {script}")

    def press(self, key: str) -> None:
        """One key, as JavaScript names it ("j", "ArrowDown", "/")."""
        told: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": _CODES.get(key, 0)}
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", **told, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **told)

    def type(self, text: str) -> None:
        """Text into what has the focus."""
        self.send("Input.insertText", text=text)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of the window, or of the whole page."""
        told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def complaints(self) -> list[str]:
        """Errors of scripts and of the page's own policy, and every request that left the page, until now."""
        thrown = self._browser.events(self._session, "Runtime.exceptionThrown")
        logged = self._browser.events(self._session, "Log.entryAdded")
        texts = [one["exceptionDetails"].get("exception", {}).get("description", "exception") for one in thrown]
        return texts + [one["entry"]["text"] for one in logged if one["entry"]["level"] in ("error", "warning")]

    def close(self) -> None:
        """Close the page."""
        self._browser.send("Target.closeTarget", targetId=self._target)
