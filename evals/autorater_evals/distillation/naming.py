"""The options of `autorater distill` in errors of the core, which names those of other commands."""

import re
from collections.abc import Generator
from contextlib import contextmanager

from autorater.errors import RecordError, UsageError

_NAMES = {"--log": "--out", "--model": "--teacher"}


@contextmanager
def in_its_words() -> Generator[None, None, None]:
    """Raise UsageError and RecordError with the option of this command in place of another's."""
    try:
        yield
    except (UsageError, RecordError) as error:
        text = re.sub(r"--(?:log|model)\b(?!-)", lambda found: _NAMES[found.group()], str(error))
        raise type(error)(text) from error
