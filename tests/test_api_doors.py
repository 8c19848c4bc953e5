"""The front door itself: sync and async, many at once, closing, wrong arguments."""

import asyncio
import base64
import inspect
import io
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judging import HASH, PROMPT, A, B, always, likes, questions, rater
from pictures import picture
from PIL import Image as Pillow
from scripted import ScriptedModel

import autorater
from autorater import AutoRater, make_request
from autorater.autorater import Item
from autorater.errors import UsageError
from autorater.model import PROVIDERS, Question, Reply

# --- doors -----------------------------------------------------------------------------------------------------------


async def test_the_sync_door_works_inside_a_running_loop() -> None:
    with rater(always(score=6)) as judge:
        assert judge.rate(A, prompt=PROMPT).score == 6.0


async def test_the_async_door() -> None:
    with rater(likes(HASH["a"])) as judge:
        assert (await judge.arate(A, prompt=PROMPT)).score == 5.0
        assert (await judge.acompare(A, B, prompt=PROMPT)).preferred == "a"
        assert (await judge.acheck(A, prompt=PROMPT)).outcome == "scored"
        assert (await judge.arank([B, A], prompt=PROMPT)).ranking == (("b",), ("a",))  # "b" is A here
        request = make_request([A], prompt=PROMPT, task="rate", id="mine")
        assert (await judge.ajudge(request)).id == "mine"


async def test_leaving_closes_what_the_judge_opened_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Closing(ScriptedModel):
        def __init__(self, model: str = "given", **settings: Any) -> None:
            super().__init__(name=f"closing:{model}")

        async def close(self) -> None:
            closed.append(self.name)

    monkeypatch.setitem(PROVIDERS, "closing", (f"{__name__}:Closing", "none"))
    monkeypatch.setattr(sys.modules[__name__], "Closing", Closing, raising=False)
    async with AutoRater("closing:own", scorer=Closing(), tools="none", cache=False) as judge:
        assert (await judge.arate(A, prompt=PROMPT)).outcome == "scored"
        assert closed == []
    assert set(closed) == {"closing:own"}


async def test_many_at_once_and_as_they_come() -> None:
    taken, flying, most = 0, 0, 0
    model = ScriptedModel()
    plain = model.ask

    async def ask(question: Question) -> Reply:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.002)
        flying -= 1
        return await plain(question)

    def rows() -> Iterator[Item]:
        nonlocal taken
        for number in range(40):
            taken += 1
            yield make_request([A], prompt=f"fox {number}", task="rate", id=str(number))

    model.ask = ask  # type: ignore[method-assign]
    with AutoRater(model, tools="none", cache=False) as judge:
        seen: list[str] = []
        async for judged in judge.judge_all(rows(), concurrency=8):
            seen.append(judged.id)
            assert taken <= len(seen) + 2 * 8 + 1  # what is not asked for yet is not taken either
    assert sorted(seen, key=int) == [str(number) for number in range(40)]
    assert most == 8


async def test_items_from_an_async_stream_and_as_rows(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(A)

    async def rows() -> AsyncIterator[Item]:
        yield {"prompt": PROMPT, "image": "a.png", "id": "row"}
        yield make_request([A], prompt=PROMPT, task="rate", id="request")

    with rater() as judge:
        seen = [judged.id async for judged in judge.judge_all(rows(), folder=tmp_path)]
    assert sorted(seen) == ["request", "row"]


async def test_a_bad_item_goes_to_on_error_and_the_rest_goes_on() -> None:
    rows: list[Item] = [
        {"prompt": PROMPT, "image": "absent.png", "id": "bad"},
        {"prompt": PROMPT, "images": [], "id": "worse"},
    ]
    good = make_request([A], prompt=PROMPT, task="rate", id="good")
    found: dict[Any, str] = {}

    def note(item: Any, error: Exception) -> None:
        found[item["id"]] = str(error)

    with rater() as judge:
        seen = [judged.id async for judged in judge.judge_all([*rows, good], on_error=note)]
        assert seen == ["good"]
        assert "no image at" in found["bad"]
        assert "expected one of 'images'" in found["worse"]
        with pytest.raises(UsageError):
            _ = [judged async for judged in judge.judge_all([*rows, good])]


def test_a_stream_that_is_left_early_asks_no_more() -> None:
    requests = (make_request([A], prompt=f"fox {number}", task="rate") for number in range(100))
    with rater() as judge:
        next(iter(judge.judge_many(requests, concurrency=2)))
        asked = len(questions(judge))
        assert asked < 20


@pytest.mark.parametrize("concurrency", [0, -1])
def test_concurrency_is_at_least_one(concurrency: int) -> None:
    with rater() as judge, pytest.raises(UsageError, match="concurrency is at least 1"):
        list(judge.judge_many([], concurrency=concurrency))


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "text path": str,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "PIL": lambda path: Pillow.open(io.BytesIO(path.read_bytes())),
    "array": lambda path: np.asarray(Pillow.open(io.BytesIO(path.read_bytes()))),
    "data URL": lambda path: data_url(path.read_bytes()),
    "picture": lambda path: picture(0),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_an_image_may_be_given_as(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(A)
    with rater(likes(HASH["b"])) as judge:
        judged = judge.compare(SOURCES[kind](path), B, prompt=PROMPT)
        shown = questions(judge)[0].conversation.pictures()[0]
    assert judged.preferred == "b"
    assert np.array_equal(shown.array(), picture(0).array())


@pytest.mark.parametrize("log", [None, "log"])
def test_a_closed_judge_says_so(log: str | None) -> None:
    judge = rater(log=log)
    assert judge.rate(A, prompt=PROMPT).outcome == "scored"
    judge.close()
    with pytest.raises(UsageError, match="this judge is closed: make another AutoRater, with the same log to resume"):
        judge.rate(B, prompt=PROMPT)
    judge.close()


# --- arguments -------------------------------------------------------------------------------------------------------


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "order": ({"order": "backwards"}, "order: input should be 'both', 'random' or 'given', got 'backwards'"),
    "samples": ({"samples": 0}, "samples: input should be greater than or equal to 1, got 0"),
    "protocol": ({"protocol": "mine"}, "protocol: input should be 'autorater' or 'autorater-paper', got 'mine'"),
    "tools": ({"tools": " , "}, "no specialist is named"),
    "specialist": ({"tools": "sharpnes"}, "did you mean 'sharpness'"),
    "budget": ({"max_cost": -1.0}, "a limit on money is an amount of US dollars from 0 up, got -1"),
    "no budget": ({"max_cost": float("nan")}, "from 0 up, got nan"),
    "price": ({"max_cost": 1.0}, "the price of scripted:one is not known, so a limit on money cannot be kept"),
    "criterion": ({"criterion": "realism"}, "criterion='realism' is for the embedded judge"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_argument_is_refused_at_once(kind: str) -> None:
    options, message = WRONG[kind]
    with pytest.raises(UsageError) as raised:
        rater(**options)
    assert message in str(raised.value)


@pytest.mark.parametrize("options", [{"scorer": ScriptedModel()}, {"checklist": "list.md"}, {"timeout": 3}])
def test_the_embedded_judge_takes_nothing_that_it_would_ignore(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"the embedded judge takes no {next(iter(options))}: name a VLM"):
        AutoRater(**options)


def test_the_public_names() -> None:
    assert sorted(autorater.__all__) == autorater.__all__
    for name in autorater.__all__:
        assert inspect.getdoc(getattr(autorater, name)), name
    with pytest.raises(AttributeError, match="has no attribute 'AutoRate'"):
        _ = autorater.AutoRate  # type: ignore[attr-defined]
