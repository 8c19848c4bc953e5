"""The agent through every adapter that writes, over the wire: it calls, is sent what was found, judges, is replayed."""

import base64
import json
from pathlib import Path
from typing import Any, cast

import pytest
from agents import judging, request
from tool_bodies import opened
from wire_answers import WRITERS, calling, written
from wire_server import WireServer

from autorater.model import Model
from autorater.replay import replay
from autorater.runlog import RunLog
from autorater.sync import run_sync

VERDICT = '{"rationale": "Image 2 has the tail.", "preference": "image_2"}'
LOOKS = (
    ("call_a", "finding", {"image": "image_2", "look_for": "a tail"}),
    ("call_b", "width", {"image": "image_1"}),
    ("call_c", "nonsense", {"image": "image_1"}),
)


@pytest.mark.parametrize("provider", WRITERS)
def test_an_agent_over_the_wire(server: WireServer, provider: str, tmp_path: Path) -> None:
    server.then(calling(provider, *LOOKS), written(provider, "Image 2 has a tail."), written(provider, VERDICT))
    model: Model = opened(provider, server.url)
    assert model.capability.tools
    with judging(model, tmp_path, protocol="autorater-paper") as loop:
        judged = run_sync(loop(request()))
    close(model)
    assert (judged.preferred, len(server.received)) == ("b", 3)
    assert judged.selection.reason == "image b has a tail."
    assert [(item.specialist, item.candidate, item.look_for) for item in judged.assessments] == [
        ("finding", "b", "a tail"),
        ("width", "a", ""),
    ]
    first, second, last = (received.body for received in server.received)
    assert [name in json.dumps(first) for name in ("finding", "width", "crashing")] == [True] * 3
    with RunLog(tmp_path) as log:
        found = judged.selection.steps[0].looks[0].found[0]
        drawn = base64.b64encode(log.blob(found.picture)).decode()
    assert [drawn in json.dumps(body) for body in (first, second, last)] == [False, True, False]
    for words in ("finding.width, Image 2, asked for 'a tail' = 48", "no specialist on offer is called 'nonsense'"):
        assert words in _texts(second)
    assert "finding.width, Image 2, asked for 'a tail' = 48" in _texts(last)
    (again,) = replay(tmp_path)
    assert again.identical
    assert len(server.received) == 3, "a replay asks nobody"


@pytest.mark.parametrize("provider", WRITERS)
def test_how_long_a_call_may_be_is_told_in_every_wire(server: WireServer, provider: str) -> None:
    """In words where the provider takes no such limit in a schema."""
    server.then(written(provider, "I see enough."), written(provider, VERDICT))
    model = opened(provider, server.url)
    with judging(model, protocol="autorater-paper") as loop:
        run_sync(loop(request()))
    close(model)
    told = _look_for(server.received[0].body)
    described = "Short phrases to look for in place of the prompt; empty: the prompt."
    assert told == (
        {"type": "string", "maxLength": 300, "description": described}
        if provider == "compatible"
        else {"type": "string", "description": f"{described} (at most 300 characters)"}
    )


def close(model: Model) -> None:
    """The connections on the loop of the sync door, which does not end with the test."""
    run_sync(cast(Any, model).close())


def _look_for(body: Any) -> Any:
    """The first schema in a body of what is looked for."""
    found: list[Any] = []

    def note(value: dict[str, Any]) -> dict[str, Any]:
        found.extend([value["look_for"]] if "look_for" in value else [])
        return value

    json.loads(json.dumps(body), object_hook=note)
    return found[0]


def _texts(value: Any) -> str:
    """Every text in a body, a line each."""
    if isinstance(value, str):
        return value
    inner: Any = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return "\n".join(_texts(each) for each in inner)
