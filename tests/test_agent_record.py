"""The agent's record: replayed to the byte on any machine, resumed without paying for anything twice."""

import asyncio
import json
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agents import Call, Dialect, both, judge, judging, model, of_agent, of_judge, quarter, request, script
from scripted import ScriptedModel

from autorater.annotate import annotate
from autorater.errors import RecordError, ReplayMiss, Unavailable
from autorater.events import Asked, Assessed, Drawn, Halted, Judged, Requested
from autorater.image import open_picture
from autorater.judgment import Judgment
from autorater.model import Question
from autorater.replay import replay
from autorater.runlog import RunLog
from autorater.settings import AgentLimits
from autorater.sync import run_sync

STEPS: list[list[Call]] = [
    [("finding", {"image": "all", "look_for": "a tail"})],
    [("crashing", {"image": "image_1"})],
    [("nonsense", {"image": "image_1"})],
    [("width", {"image": "image_1"})],
]


def check_replay(folder: Path, *given: Judgment) -> None:
    found = list(replay(folder))
    assert [item.judgment.model_dump_json() for item in found] == [item.model_dump_json() for item in given]
    assert all(item.identical for item in found)


def events(folder: Path, form: Any) -> list[Any]:
    with RunLog(folder) as log:
        return [event for event in log.events() if isinstance(event, form)]


# Replay ---------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("count", "edit"), [(1, False), (2, True), (3, False)])
def test_a_replay_is_identical(dialect: Dialect, count: int, edit: bool, tmp_path: Path) -> None:
    given = judge(model(dialect, *STEPS), request(count, edit=edit), tmp_path, price=quarter)
    assert len(given.selection.steps) == 5
    check_replay(tmp_path, given)


@both
@pytest.mark.parametrize(
    "limits", [AgentLimits(steps=2), AgentLimits(calls=2), AgentLimits(cost=0.5), AgentLimits(seconds=0.05)]
)
def test_a_loop_that_met_a_limit_replays_identical(dialect: Dialect, limits: AgentLimits, tmp_path: Path) -> None:
    slow = 0.06 if limits.seconds < 1 else 0.0
    given = judge(model(dialect, *STEPS, seconds=slow), folder=tmp_path, limits=limits, price=quarter)
    assert "the agent was ended by its limit" in given.warnings[0]
    check_replay(tmp_path, given)
    halted = events(tmp_path, Halted)
    assert [(item.steps, item.seconds > 0.05) for item in halted] == ([(1, True)] if slow else [])


def test_a_slow_replay_goes_as_far_as_the_fast_run_did(tmp_path: Path) -> None:
    """The clock of the machine that replays is not asked: a limit of a nanosecond was not met in the record."""
    given = judge(model("native", *STEPS), folder=tmp_path)
    path = tmp_path / "events.jsonl"
    text = path.read_text(encoding="utf-8")
    assert '"seconds":120.0' in text
    path.write_text(text.replace('"seconds":120.0', '"seconds":1e-9'), encoding="utf-8")
    (again,) = replay(tmp_path)
    assert again.judgment.selection == given.selection
    assert again.judgment.warnings == given.warnings == ()


def test_each_item_ends_where_its_own_clock_ended_it(tmp_path: Path) -> None:
    asked = model("native", *STEPS)
    with judging(asked, tmp_path, limits=AgentLimits(seconds=0.3)) as loop:
        slow = ScriptedModel(asked.script, capability=asked.capability, seconds=0.31)
        assert loop.agent is not None
        first = run_sync(replace(loop, agent=replace(loop.agent, model=slow))(request(id="slow")))
        second = run_sync(loop(request(id="fast")))
    assert [len(item.selection.steps) for item in (first, second)] == [1, 5]
    check_replay(tmp_path, first, second)


@both
@pytest.mark.parametrize("logged", [True, False])
def test_equal_items_in_flight_are_judged_once(dialect: Dialect, logged: bool, tmp_path: Path) -> None:
    """Two loops of one item would share its clock: the later one would go further than the record says."""
    limits = AgentLimits(seconds=0.25)
    asked = model(dialect, *STEPS, seconds=0.1)
    with judging(asked, tmp_path if logged else None, limits=limits) as loop:

        async def later(seconds: float) -> Judgment:
            await asyncio.sleep(seconds)
            return await loop(request())

        async def both_at_once() -> tuple[Judgment, Judgment]:
            return await asyncio.gather(later(0), later(0.15))

        first, second = run_sync(both_at_once())
    assert first is second
    steps = len(first.selection.steps)
    assert 1 <= steps < 5
    assert (len(of_agent(asked)), len(of_judge(asked))) == (steps, 2)
    if logged:
        assert [len(events(tmp_path, form)) for form in (Requested, Halted, Judged)] == [1, 1, 1]
        check_replay(tmp_path, first)


async def test_who_waited_for_a_judgment_that_failed_judges_for_itself(tmp_path: Path) -> None:
    asked = model("native", *STEPS, seconds=0.05)
    with judging(asked, tmp_path) as loop:
        first, second = (asyncio.create_task(loop(request())) for _ in range(2))
        await asyncio.sleep(0.02)
        first.cancel()
        given = await second
    assert first.cancelled()
    assert len(given.selection.steps) == 5
    check_replay(tmp_path, given)


def test_the_drawings_are_read_from_the_record_and_not_drawn_again(tmp_path: Path) -> None:
    given = judge(model("native", *STEPS), folder=tmp_path)
    drawn = events(tmp_path, Drawn)
    assert len(drawn) == 2
    sheets = {each.picture.sha256 for each in drawn}
    assert sheets == {found.picture for found in given.selection.steps[0].looks[0].found}
    # As if another version of Pillow had drawn them when the run was recorded: the replay does not draw its own.
    path = tmp_path / "events.jsonl"
    text = path.read_text(encoding="utf-8")
    other = {sheet: f"{number:064x}" for number, sheet in enumerate(sheets)}
    for sheet, name in other.items():
        text = text.replace(sheet, name)
    path.write_text("\n".join(line for line in text.splitlines() if '"kind":"asked"' not in line[:20]) + "\n")
    with pytest.raises(ReplayMiss, match="no recorded call"):
        list(replay(tmp_path))
    path.write_text(rekeyed(text, tmp_path), encoding="utf-8")
    (again,) = replay(tmp_path)
    assert {found.picture for found in again.judgment.selection.steps[0].looks[0].found} == set(other.values())


def rekeyed(text: str, folder: Path) -> str:
    """The log with the keys of its calls computed anew, and told anew where a judgment names them."""
    from autorater.canonical import digest_of

    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        if line["kind"] == "asked":
            old, line["key"] = line["key"], digest_of(line["request"])
            text = text.replace(old, line["key"])
    return text


def test_without_its_drawing_a_log_does_not_replay(tmp_path: Path) -> None:
    judge(model("native", *STEPS), folder=tmp_path)
    path = tmp_path / "events.jsonl"
    kept = [line for line in path.read_bytes().splitlines(keepends=True) if not line.startswith(b'{"kind":"drawn"')]
    path.write_bytes(b"".join(kept))
    with pytest.raises(ReplayMiss, match="the log holds no picture of what finding found"):
        list(replay(tmp_path))


def test_what_was_drawn_is_what_annotate_draws(tmp_path: Path) -> None:
    item = request()
    judge(model("native", *STEPS), item, tmp_path)
    assessed = {each.key: each.outcome for each in events(tmp_path, Assessed)}
    for each in events(tmp_path, Drawn):
        again = [annotate(picture, assessed[each.key]) for picture in item.candidates]
        assert each.picture.sha256 in [drawn.sha256 for drawn in again if drawn]
        with RunLog(tmp_path) as log:
            kept = open_picture(log.blob(each.picture.sha256))
        assert (kept.width, kept.height) == (each.picture.width, each.picture.height)


def test_the_tools_that_were_offered_are_in_the_record(tmp_path: Path) -> None:
    judge(model("native"), folder=tmp_path)
    first = events(tmp_path, Asked)[0]
    with RunLog(tmp_path) as log:
        offered = json.loads(log.blob(first.request["tools"]))
    assert [tool["name"] for tool in offered] == ["width", "finding", "slow", "crashing", "torn", "picky"]


def test_the_limits_and_what_the_model_can_do_belong_to_the_settings(tmp_path: Path) -> None:
    judge(model("native"), folder=tmp_path)
    with pytest.raises(RecordError, match="agent: recorded"):
        judge(model("native"), folder=tmp_path, limits=AgentLimits(steps=2))
    with pytest.raises(RecordError, match="model: recorded"):
        judge(model("words"), folder=tmp_path)


ALONE = """
    import sys

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("agents", "fakes", "scripted", "PIL", "torch"):
                raise ImportError(f"a replay imports {name}")

    sys.meta_path.insert(0, Refuse())
    from autorater.replay import replay
    print([item.identical for item in replay(sys.argv[1])])
"""


def test_a_replay_needs_neither_model_nor_specialist_nor_pillow(tmp_path: Path) -> None:
    judge(model("words", *STEPS), folder=tmp_path)
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ALONE), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert told.stdout.strip() == "[True]", told.stderr


# Resume ---------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Ends the process, as far as a test can."""


@both
@pytest.mark.parametrize("after", range(6))
def test_killed_at_any_call_it_goes_on_and_pays_for_nothing_twice(dialect: Dialect, after: int, tmp_path: Path) -> None:
    whole = judge(model(dialect, *STEPS), folder=tmp_path / "whole")
    paid: list[str] = []

    def until(limit: int | None) -> Callable[[Question], Any]:
        answers = script(dialect, *STEPS)

        def scripted(question: Question) -> Any:
            if limit is not None and len(paid) >= limit:
                raise Killed
            paid.append(repr(question.conversation) + question.schema_name)
            return answers(question)

        return scripted

    folder = tmp_path / "killed"
    takes = model(dialect).capability
    with pytest.raises(Killed):
        judge(ScriptedModel(until(after), capability=takes), folder=folder)
    given = judge(ScriptedModel(until(None), capability=takes), folder=folder)
    assert len(paid) == len(set(paid)) == 5 + 2
    assert given.model_dump(exclude={"assessments"}) == whole.model_dump(exclude={"assessments"})
    looks = Counter(each.key for each in events(folder, Assessed))
    assert set(looks.values()) == {1}
    check_replay(folder, given)


@both
def test_killed_between_a_finding_and_its_drawing(dialect: Dialect, tmp_path: Path) -> None:
    whole = judge(model(dialect, *STEPS), folder=tmp_path)
    path = tmp_path / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    first = next(place for place, line in enumerate(lines) if line.startswith(b'{"kind":"drawn"'))
    path.write_bytes(b"".join(lines[:first]))
    asked = model(dialect, *STEPS)
    given = judge(asked, folder=tmp_path)
    assert len(of_agent(asked)) == 4
    assert given.selection == whole.selection
    check_replay(tmp_path, given)


def test_a_loop_that_the_clock_ended_is_ended_there_when_it_is_resumed(tmp_path: Path) -> None:
    limits = AgentLimits(seconds=0.05)
    whole = judge(model("native", *STEPS, seconds=0.06), folder=tmp_path, limits=limits)
    path = tmp_path / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    halted = next(place for place, line in enumerate(lines) if line.startswith(b'{"kind":"halted"'))
    path.write_bytes(b"".join(lines[: halted + 1]))
    quick = model("native", *STEPS)
    given = judge(quick, folder=tmp_path, limits=limits)
    assert (of_agent(quick), len(of_judge(quick))) == ([], 2)
    assert given.selection == whole.selection
    check_replay(tmp_path, given)


@both
def test_an_agent_that_was_unreachable_is_asked_again_with_the_judgment(dialect: Dialect, tmp_path: Path) -> None:
    down = judge(
        ScriptedModel(lambda question: Unavailable("down"), capability=model(dialect).capability), folder=tmp_path
    )
    assert down.outcome == "unreachable"
    given = judge(model(dialect, *STEPS), folder=tmp_path)
    assert (given.outcome, len(given.selection.steps)) == ("tie", 5)
    check_replay(tmp_path, given)
