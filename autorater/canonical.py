"""Canonical JSON and digests: the one place that decides what 'the same' means."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A value that is written or sent: frozen, closed, finite."""

    # Validators are built at first use, so that `import autorater` pays for none of them.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Mapping[str, Any] | list[Any]) -> bytes:
    """Sorted, compact UTF-8 JSON; NaN is refused. Equal values give equal bytes."""
    return _ENCODER.encode(value).encode()


def digest(data: bytes) -> str:
    """The sha256 of `data`, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Mapping[str, Any] | list[Any]) -> str:
    """The sha256 of the canonical JSON of `value`."""
    return digest(canonical_json(value))
