"""The sync door: one background thread with an event loop, so that it works in a script and in a notebook alike."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

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
    held = _Held(work)
    try:
        return asyncio.run_coroutine_threadsafe(held.run(), loop).result()
    except BaseException:
        loop.call_soon_threadsafe(held.cancel)
        raise


class _Held(Generic[T]):
    """Work that can be cancelled from the moment it is handed over: Ctrl-C may come before its future is known."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self.work = work
        self.task: asyncio.Task[Any] | None = None
        self.cancelled = False

    async def run(self) -> T:
        """The work, on the background loop."""
        self.task = asyncio.current_task()
        if self.cancelled:
            self.work.close()
            raise asyncio.CancelledError
        return await self.work

    def cancel(self) -> None:
        """End it, begun or not; on the background loop."""
        self.cancelled = True
        if self.task is not None:
            self.task.cancel()


def _background_loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="autorater-sync", daemon=True).start()
        return _loop
