"""The sync door: one background thread with an event loop, so that it works in a script and in a notebook alike."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on the background loop and wait for it. Ctrl-C cancels it.

    Raises:
        RuntimeError: it was called from the background loop itself, where it would wait for ever.

    """
    loop = _background_loop()
    try:
        running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is loop:
        work.close()
        raise RuntimeError("this code already runs inside AutoRater's own loop: await the async form instead")
    future: Future[T] | None = None
    try:
        future = asyncio.run_coroutine_threadsafe(work, loop)
        return future.result()
    except BaseException:
        if future is not None:  # Ctrl-C may come while the work begins
            future.cancel()
        raise


def _background_loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="autorater-sync", daemon=True).start()
        return _loop
