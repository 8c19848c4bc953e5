"""AutoRater: an image judge that says why and can be checked."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autorater.autorater import AutoRater
    from autorater.judgment import Judgment
    from autorater.model import Sampling
    from autorater.prices import Price
    from autorater.request import Request, make_request
    from autorater.runlog import RunLog
    from autorater.settings import AgentLimits

__all__ = ["AgentLimits", "AutoRater", "Judgment", "Price", "Request", "RunLog", "Sampling", "make_request"]

_HOME = {
    "AgentLimits": "autorater.settings",
    "AutoRater": "autorater.autorater",
    "Judgment": "autorater.judgment",
    "Price": "autorater.prices",
    "Request": "autorater.request",
    "RunLog": "autorater.runlog",
    "Sampling": "autorater.model",
    "make_request": "autorater.request",
}


def __getattr__(name: str) -> object:
    # A public name is imported when it is first used, so that `autorater --help` does not load the whole library.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'autorater' has no attribute {name!r}")
