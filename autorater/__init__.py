"""AutoRater: an image judge that agrees with people, says why, and can be checked."""

from autorater.autorater import AutoRater
from autorater.judgment import Judgment
from autorater.model import Sampling
from autorater.prices import Price
from autorater.request import Request, make_request
from autorater.runlog import RunLog

__all__ = ["AutoRater", "Judgment", "Price", "Request", "RunLog", "Sampling", "make_request"]
