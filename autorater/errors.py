"""Every exception of AutoRater, branched by who must act.

    AutoRaterError
    ├── UsageError            the caller: an argument, a file, a model name
    │   └── ImageError        the caller: one image cannot be used
    ├── MissingExtraError     the installer: names the extra to install
    ├── ProviderError         the model's provider answered with an error, or not at all
    │   ├── RateLimited       try again later (`retry_after` seconds, when told)
    │   ├── Unavailable       overloaded, timed out, unreachable, or an answer that is no answer
    │   └── Refused           the provider declined to judge this content
    ├── ReplyError            the model answered, but not with what the schema asks for
    ├── BudgetExceeded        a limit on money was reached; what is done is kept
    ├── SpecialistError       a specialist could not work on this input
    └── RecordError           a run log cannot be read or written
        └── ReplayMiss        a replay asked for something that the log does not hold

A message says what was expected, what came, and what to do.
"""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FOLDERS = re.compile(r"""(?<![\w./:])(?:[A-Za-z]:[\\/]|~?/|\\\\)(?:[^\s\\/'"<>]+[\\/])+""")


def one_line(text: object) -> str:
    """`text` as one line without control characters, which a terminal would obey."""
    return _CONTROL.sub("\ufffd", " ".join(str(text).split()))


def without_folders(text: str) -> str:
    """`text` with the folders of absolute paths replaced by "…/": libraries' messages have them, logs must not."""
    return _FOLDERS.sub("…/", text)


class AutoRaterError(Exception):
    """Root of all errors that AutoRater raises on purpose."""


class UsageError(AutoRaterError):
    """The call is wrong: an argument, a file, a name."""


class ImageError(UsageError):
    """One image cannot be used: missing, truncated, too large, or no image at all."""


class MissingExtraError(AutoRaterError):
    """A package is not installed.

    `extra` names the extra of this distribution that brings it.
    """

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(f'{what} needs a package that is not installed: pip install "autorater-vision[{extra}]"')
        self.extra = extra


class ProviderError(AutoRaterError):
    """A provider answered with an error that a retry does not mend.

    `status` is the HTTP status, or None when no response came; `request_id` is the provider's own, for its support.
    """

    def __init__(self, message: str, *, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id


class RateLimited(ProviderError):
    """The provider asks to slow down. `retry_after` is in seconds, or None when it did not say."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id)
        self.retry_after = retry_after


class Unavailable(ProviderError):
    """The provider is overloaded, unreachable or answered with something that is no answer; worth a retry."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id)
        self.retry_after = retry_after


class Refused(ProviderError):
    """The provider declined to look at this content; never retried, never a score."""


class ReplyError(AutoRaterError):
    """The model's answer does not fit the schema. `text` is what it said."""

    def __init__(self, message: str, *, text: str) -> None:
        super().__init__(message)
        self.text = text


class BudgetExceeded(AutoRaterError):
    """A limit on money was reached; everything already judged is kept and the run can be resumed."""


class SpecialistError(AutoRaterError):
    """A specialist could not work on this input; the toolbox records it as `Failed`."""


class RecordError(AutoRaterError):
    """A run log cannot be read or written."""


class ReplayMiss(RecordError):
    """A replay asked for a call that the log does not hold; the message names the nearest and what differs."""
