"""From what went wrong on the wire to our own errors: what a retry mends, what it does not, and what to do."""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn, cast

import aiohttp
import httpx2

from autorater.errors import ProviderError, RateLimited, Unavailable
from autorater.model import Reply
from autorater.providers._json import Json, as_object, inner, items, text

_log = logging.getLogger(__name__)
_TRANSIENT = frozenset({408, 409, 500, 502, 503, 504, 520, 522, 524, 529})
_QUOTA_LABEL = re.compile(r"insufficient_quota|billing", re.I)
_QUOTA_WORDS = re.compile(r"spend(ing)?[ _-]?(limit|cap)|credit balance", re.I)
_POLICY = re.compile(r"content.policy|content.filter|policy_violation|usage polic|safety system|ResponsibleAI", re.I)
_ADVICE = {
    400: "the request does not suit this model",
    401: "check the key in {key}",
    402: "the account cannot pay: see the provider's billing page",
    403: "the key in {key} may not use this model",
    404: "check the model's name and the address",
    413: "the request is too large: send fewer or smaller images",
    422: "the request does not suit this model",
    429: "the account's quota is used up: waiting does not help, see the provider's billing page",
}
_CONSTANTS = {"-Infinity": -1e4, "Infinity": None, "NaN": None}
"""Some servers write the log probability of the impossible as -Infinity, which is no JSON."""
_SURROGATE = re.compile(rb"\\ud[89a-f]", re.I)
_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"
_NO_ANSWER = (httpx2.HTTPError, aiohttp.ClientError, OSError, TimeoutError)


def json_of(content: bytes) -> Json:
    """The JSON object in an error's body, or one with its text as `message`."""
    try:
        return as_object(json.loads(content))
    except ValueError:
        return {"message": content.decode("utf-8", "replace")}


def answer_of(content: bytes | str, *, name: str, request_id: str) -> Json:
    """The JSON object in a successful response, as the log can hold it: halves of surrogate pairs become U+FFFD.

    Raises:
        Unavailable: it is something else (a proxy's HTML page, half an answer).

    """
    try:
        value = json.loads(content, parse_constant=_CONSTANTS.__getitem__)
        if _SURROGATE.search(content if isinstance(content, bytes) else content.encode("utf-8", "replace")):
            value = _whole(value)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        start = content[:60] if isinstance(content, str) else content[:60].decode("utf-8", "replace")
        raise Unavailable(
            f"{name}: expected a JSON object, got {start!r}: the server or a proxy is at fault; try again later",
            status=200,
            request_id=request_id or None,
        )
    return cast(Json, value)


def _whole(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(inside) for key, inside in cast("dict[object, object]", value).items()}
    return [_whole(each) for each in cast("list[object]", value)] if isinstance(value, list) else value


def failure(
    status: int, body: Json, headers: Mapping[str, str], *, name: str, key: str, request_id: str | None = None
) -> ProviderError:
    """The error for an HTTP status. `key` is the variable that holds the API key."""
    message, label = described(body)
    wait = retry_after(headers, body)
    start = f"{name}: HTTP {status}: {message}" if message else f"{name}: HTTP {status}"
    spent = bool(_QUOTA_LABEL.search(label) or _QUOTA_WORDS.search(message) or _daily(body))
    if status == 429 and not spent:
        return RateLimited(f"{start}: too many calls", retry_after=wait, status=status, request_id=request_id)
    if status in _TRANSIENT:
        return Unavailable(f"{start}: try again later", retry_after=wait, status=status, request_id=request_id)
    advice = _ADVICE.get(429 if spent else status, "").format(key=key)
    return ProviderError(f"{start}: {advice}" if advice else start, status=status, request_id=request_id)


def raise_lost(error: Exception, *, name: str) -> NoReturn:
    """Raise what a call that ended without a response stands for.

    The SDKs wrap whatever their transport raises; an error that is not of the network (a cassette without this call)
    is raised as it was, so that nobody retries it.
    """
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    if _CERTIFICATE in f"{error} {cause}":
        advice = "check the address, or name the authority's file in SSL_CERT_FILE"
        raise ProviderError(
            f"{name}: the server's certificate is not trusted ({_short(str(cause))}): {advice}"
        ) from error
    wrapper = cause is error and type(error).__name__ in ("APIConnectionError", "APITimeoutError")
    if wrapper or isinstance(error, _NO_ANSWER) or isinstance(cause, _NO_ANSWER):
        words = f"{type(cause).__name__}: {cause}".removesuffix(": ")
        raise Unavailable(f"{name}: no answer ({words}): try again later") from error
    raise cause


def declined(status: int, body: Json) -> str:
    """The provider's words when an error says that the content is against its policy; "" otherwise."""
    if status not in (400, 403, 422):
        return ""
    message, label = described(body)
    return (message or label) if _POLICY.search(f"{label} {message}") else ""


def refused(
    status: int,
    body: Json,
    headers: Mapping[str, str],
    *,
    name: str,
    key: str,
    request_id: str = "",
    warnings: tuple[str, ...] = (),
) -> Reply:
    """The refusal that an HTTP error stands for; any other error is raised as `failure` says it."""
    words = declined(status, body)
    if not words:
        raise failure(status, body, headers, name=name, key=key, request_id=request_id or None)
    return Reply(text="", finish="refusal", refusal=words, request_id=request_id, warnings=warnings, raw=body)


def lines_of(content: bytes, *, name: str) -> list[Json]:
    """The JSON objects of a file of a batch, one a line; a damaged line among others costs its answer alone.

    Raises:
        Unavailable: no line is one (a proxy's HTML page).

    """
    found, damaged = list[Json](), None
    for line in content.splitlines():
        if line.strip():
            try:
                found.append(answer_of(line, name=name, request_id=""))
            except Unavailable as error:
                damaged = error
    if damaged is not None:
        if not found:
            raise damaged
        _log.warning("%s; the question of this line is asked again", damaged)
    return found


def described(body: Json) -> tuple[str, str]:
    """The message and the labels (code, type, status, parameter) in an error's body, of whatever provider."""
    error = inner(body, "error") or body
    message = text(error, "message") or text(error, "detail") or text(error, "error")
    return _short(message), " ".join(text(error, part) for part in ("code", "type", "status", "param"))


def retry_after(headers: Mapping[str, str], body: Json) -> float | None:
    """Seconds that the provider asks to wait: retry-after(-ms) in seconds or as a date, or Google's RetryInfo."""
    for told, scale in ((headers.get("retry-after-ms"), 1000), (headers.get("retry-after"), 1)):
        if told is not None and re.fullmatch(r"\s*\d+(\.\d*)?\s*", told):
            return float(told) / scale
    date = headers.get("retry-after")
    if date:
        try:
            return max(0.0, (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            pass  # neither a number nor a date: as if nothing was said
    for detail in items(inner(body, "error"), "details"):
        delay = re.fullmatch(r"(\d+(?:\.\d*)?)s", text(detail, "retryDelay"))
        if delay:
            return float(delay[1])
    return None


def _daily(body: Json) -> bool:
    """Whether a Google error says that the quota of the day is used up."""
    details = items(inner(body, "error"), "details")
    return any(
        "PerDay" in text(violation, "quotaId") for detail in details for violation in items(detail, "violations")
    )


def _short(message: str) -> str:
    message = " ".join(message.split())
    return message if len(message) <= 300 else message[:299] + "…"
