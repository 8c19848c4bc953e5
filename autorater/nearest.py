"""Why a replay missed: the nearest recorded call and what differs. Slow, and only on the error path."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from autorater.runlog import RunLog


def describe_miss(log: RunLog | None, key: str, request: Mapping[str, Any], kind: str) -> str:
    """One line: what was asked for, how many calls are recorded, the nearest of them and its first differences."""
    what = str(request.get("model") or request.get("specialist"))
    if log is None or not log.count(kind):
        return f"the log holds no recorded call of {what}: record the run again with --log"
    wanted = dict(_leaves(request))
    best: tuple[int, str, dict[str, Any]] | None = None
    for line in log.lines(kind):
        event = json.loads(line)
        recorded = dict(_leaves(event["request"]))
        distance = sum(wanted.get(name) != recorded.get(name) for name in wanted.keys() | recorded.keys())
        if best is None or distance < best[0]:
            best = distance, event["key"], recorded
    assert best is not None  # the kind was counted above
    names = sorted(name for name in wanted.keys() | best[2].keys() if wanted.get(name) != best[2].get(name))
    differences = "; ".join(
        f"{name}: recorded {_brief(best[2].get(name))}, asked {_brief(wanted.get(name))}" for name in names[:3]
    )
    more = f" (and {len(names) - 3} more)" if len(names) > 3 else ""
    return (
        f"the log holds no recorded call {key[:12]} of {what}; the nearest of {log.count(kind)} is {best[1][:12]}, "
        f"which differs in {differences}{more}. Prompts, cards or images have changed since: record the run again"
    )


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, item in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield from _leaves(item, f"{path}.{name}" if path else str(name))  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list):
        for place, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
            yield from _leaves(item, f"{path}[{place}]")
    else:
        yield path, value


def _brief(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "…'"
