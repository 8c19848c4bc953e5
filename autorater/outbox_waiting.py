"""Waiting for a provider: until a batch is over, and while the provider is away or full."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from autorater.errors import ProviderError, RateLimited, Unavailable
from autorater.mailing import Answer, BatchService, Mailing, Progress
from autorater.outbox_record import NAME

_PATIENCE = 24 * 3600.0
"""Seconds for which a provider that takes no further batch, or does not answer, is asked again."""
_LONGEST = 600.0
_MISSES = 5
"""So often a batch that was sent just now may be unknown to the provider, whose computers learn of it by and by."""


class Patience:
    """Ever longer waits, for a day in all."""

    def __init__(self, first: float, longest: float = _LONGEST) -> None:
        self._waited, self._pause, self._longest = 0.0, max(first, 0.01), longest

    async def wait(self, error: RateLimited | Unavailable, say: Callable[[str], None] = lambda pause: None) -> None:
        """Wait once more because of `error`; `say` is told for how long.

        Raises:
            ProviderError: in vain. No retry follows it, for it might send again what was sent.

        """
        self._pause = max(self._pause, error.retry_after or 0.0)
        if self._waited + self._pause > _PATIENCE:
            raise ProviderError(f"{error}; given up after a day: the same command goes on", status=error.status)
        say(f"{self._pause:.0f} s")
        await asyncio.sleep(self._pause)
        self._waited += self._pause
        self._pause = min(2 * self._pause, max(self._longest, error.retry_after or 0.0))


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a batch. Without `answers` it came to nothing."""

    answers: dict[str, Answer] | None = None
    stopped: str = ""
    """Why what has no answer is not sent again unasked."""
    crowded: str = ""
    """Why it must be sent in smaller ones."""


async def until_over(service: BatchService, mailing: Mailing, batch: str, *, own: bool) -> Ended:
    """Look at a batch until it is over. `own` says that this process sent it, and not an earlier one.

    Raises:
        ProviderError: the provider does not let us look at it, or has been away for a day.

    """
    pause, done, misses, looked = mailing.first_look, 0, 0, False
    away: Patience | None = None
    while True:
        try:
            progress = await service.look(batch)
            if progress.over:
                return await _ended(service, mailing, batch, progress, own=own, looked=looked)
        except (RateLimited, Unavailable) as error:
            if away is None:
                mailing.say(f"{error}; the batch {batch} is looked at again until there is an answer")
                away = Patience(mailing.first_look, mailing.longest_look)
            await away.wait(error)
            continue
        except ProviderError as error:
            misses += 1
            if error.status not in (404, 410) or (own and misses > _MISSES):
                raise _unseen(batch, error) from error
            if not own:
                mailing.say(f"batch {batch} is not there any more ({error}): its questions are sent again")
                return Ended()
        else:
            away, looked = None, True
            if progress.done > done:
                mailing.say(f"batch {batch}: {progress.done:,} of {progress.total:,} answered")
            done = progress.done
        await asyncio.sleep(pause)
        pause = min(1.5 * pause, mailing.longest_look)


async def _ended(
    service: BatchService, mailing: Mailing, batch: str, progress: Progress, *, own: bool, looked: bool
) -> Ended:
    if not progress.failed:
        stopped = progress.cancelled and (own or looked)
        words = "was cancelled; the same command sends its questions again" if stopped else ""
        return Ended(await service.collect(batch, progress), stopped=words)
    if progress.crowded and own:
        return Ended(crowded=progress.failed)
    if own:
        return Ended(stopped=f"failed: {progress.failed}")
    mailing.say(f"batch {batch} failed ({progress.failed}): its questions are sent again")
    return Ended()


def _unseen(batch: str, error: ProviderError) -> ProviderError:
    words = f"{error} (asked about the batch {batch}: the same command waits for it again, and sends its questions, "
    words += f"which are then paid again, when {NAME} is moved away)"
    return ProviderError(words, status=error.status, request_id=error.request_id)
