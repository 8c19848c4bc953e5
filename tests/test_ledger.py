"""The ledger: nothing is asked twice, errors are no answers, money has a limit."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted import ScriptedModel, answer

from autorater import AutoRater, Price, Sampling, make_request
from autorater.assessment import Failed, Measured, Outcome, Reading
from autorater.cache import Cache
from autorater.card import Card, read_card
from autorater.errors import BudgetExceeded, ProviderError, RateLimited, Refused, ReplayMiss, Unavailable, UsageError
from autorater.events import Asked
from autorater.image import Fit, Picture, open_picture
from autorater.ledger import Ledger
from autorater.messages import Conversation, Image, Text, Turn
from autorater.model import Capability, Question, Reply
from autorater.retrying import Retries
from autorater.runlog import RunLog
from autorater.toolbox import Toolbox, View

QUICK = Retries(attempts=4, first_wait=0.001)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"score": {"type": "integer"}}}


def picture(number: int = 0, *, side: int = 8) -> Picture:
    return open_picture(np.full((side, side, 3), number, np.uint8))


def question(text: str = "look", **told: Any) -> Question:
    turn = Turn("user", (Text(text), Image(told.pop("picture", picture()))))
    return Question(Conversation("system", (turn,)), "rating", SCHEMA, **told)


def failing(times: int, error: Exception) -> Callable[[Question], str | Exception]:
    """A script that fails a few times and answers then."""
    left = [error] * times
    return lambda asked: left.pop() if left else answer(asked)


async def test_a_question_asked_fifty_times_at_once_is_asked_once(tmp_path: Path) -> None:
    model = ScriptedModel(seconds=0.01)
    with RunLog(tmp_path, write=True) as log:
        ledger = Ledger(log=log)
        found = await asyncio.gather(*(ledger.ask(model, question()) for _ in range(50)))
        assert await ledger.ask(model, question()) == found[0]
        assert (len(model.asked), ledger.calls, log.count("asked")) == (1, 1, 1)
        assert len({item.key for item in found}) == 1


async def test_what_differs_in_content_is_another_question(tmp_path: Path) -> None:
    model = ScriptedModel()
    others = [
        question(),
        question("look twice"),
        question(picture=picture(1)),
        question(sample=1),
        question(sampling=Sampling(temperature=1.0)),
    ]
    with RunLog(tmp_path, write=True) as log:
        keys = {(await Ledger(log=log).ask(model, item)).key for item in others}
        other = ScriptedModel(name="scripted:two")
        keys.add((await Ledger(log=log).ask(other, question())).key)
    assert len(keys) == len(others) + 1
    assert len(model.asked) == len(others)


async def test_a_log_answers_the_next_run_and_a_replay(tmp_path: Path) -> None:
    with RunLog(tmp_path, write=True) as log:
        first = await Ledger(log=log).ask(ScriptedModel(), question())
    silent = ScriptedModel(lambda asked: AssertionError("asked again"))
    with RunLog(tmp_path, write=True) as log:
        assert await Ledger(log=log).ask(silent, question()) == first
    with RunLog(tmp_path) as log:
        assert await Ledger(log=log, replaying=True).ask(silent, question()) == first
        with pytest.raises(ReplayMiss, match=r"holds no recorded call .* differs in turns\[0\]\.parts\[0\]\.text"):
            await Ledger(log=log, replaying=True).ask(silent, question("other"))


async def test_the_system_text_and_the_schema_are_blobs(tmp_path: Path) -> None:
    with RunLog(tmp_path, write=True) as log:
        asked = await Ledger(log=log).ask(ScriptedModel(), question())
        assert log.blob(asked.request["system"]) == b"system"
        assert b'"score"' in log.blob(asked.request["schema"])


async def test_what_is_sent_of_a_large_picture_is_recorded(tmp_path: Path) -> None:
    large = picture(3, side=64)
    model = ScriptedModel(capability=Capability(fit=Fit(max_side=16)))
    with RunLog(tmp_path, write=True) as log:
        asked = await Ledger(log=log).ask(model, question(picture=large))
    assert list(asked.sent) == [large.sha256]
    assert asked.sent[large.sha256] != large.sha256


@pytest.mark.parametrize("error", [RateLimited("slow down"), Unavailable("overloaded", status=529)])
async def test_what_may_pass_is_tried_again(error: Exception) -> None:
    model = ScriptedModel(failing(3, error))
    ledger = Ledger(retries=QUICK)
    asked = await ledger.ask(model, question())
    assert asked.reply is not None
    assert (asked.error, asked.attempts, ledger.calls) == ("", 4, 4)


async def test_the_providers_own_wait_is_kept() -> None:
    model = ScriptedModel(failing(1, RateLimited("slow down", retry_after=0.15)))
    start = asyncio.get_running_loop().time()
    asked = await Ledger(retries=QUICK).ask(model, question())
    assert asked.attempts == 2
    assert asyncio.get_running_loop().time() - start >= 0.14


async def test_a_wait_that_is_too_long_is_an_error_at_once() -> None:
    model = ScriptedModel(failing(9, RateLimited("tomorrow", retry_after=86_400)))
    asked = await Ledger(retries=QUICK).ask(model, question())
    assert (asked.reply, asked.error, asked.error_kind, asked.attempts) == (None, "tomorrow", "RateLimited", 1)


async def test_an_error_is_an_outcome_for_a_replay_and_no_answer_for_a_run(tmp_path: Path) -> None:
    with RunLog(tmp_path, write=True) as log:
        failed = await Ledger(log=log, retries=QUICK).ask(ScriptedModel(failing(9, Unavailable("down"))), question())
        assert (failed.reply, failed.error_kind, failed.attempts, failed.cost) == (None, "Unavailable", 4, 0.0)
    with RunLog(tmp_path) as log:
        assert await Ledger(log=log, replaying=True).ask(ScriptedModel(), question()) == failed
    with RunLog(tmp_path, write=True) as log:
        mended = await Ledger(log=log).ask(ScriptedModel(), question())
        assert mended.reply is not None
        assert log.find(Asked, mended.key) == mended
    with RunLog(tmp_path) as log:
        assert await Ledger(log=log, replaying=True).ask(ScriptedModel(), question()) == mended


@pytest.mark.parametrize("status", [401, 402, 403, 404])
async def test_a_key_or_model_that_is_refused_altogether_is_raised_and_not_recorded(
    tmp_path: Path, status: int
) -> None:
    model = ScriptedModel(lambda asked: ProviderError("no", status=status))
    with RunLog(tmp_path, write=True) as log:
        with pytest.raises(ProviderError, match="no"):
            await Ledger(log=log, retries=QUICK).ask(model, question())
        assert (len(model.asked), log.count("asked")) == (1, 0)


@pytest.mark.parametrize("error", [ProviderError("bad request", status=400), Refused("no", status=400)])
async def test_other_errors_are_recorded_and_not_tried_again(error: Exception) -> None:
    asked = await Ledger(retries=QUICK).ask(ScriptedModel(lambda asked: error), question())
    assert (asked.error, asked.attempts) == (str(error), 1)


async def test_who_waited_for_a_call_that_was_cancelled_makes_it(tmp_path: Path) -> None:
    model = ScriptedModel(seconds=0.05)
    ledger = Ledger()
    first = asyncio.create_task(ledger.ask(model, question()))
    second = asyncio.create_task(ledger.ask(model, question()))
    await asyncio.sleep(0.01)
    first.cancel()
    assert (await second).reply is not None
    assert len(model.asked) == 2


# Money ----------------------------------------------------------------------------------------------------------------

PRICE = Price.model_validate({"input_per_million": 1000, "output_per_million": 2000})
"""A scripted call, of 100 and 50 tokens, costs $0.20."""


def items(count: int) -> list[Any]:
    return [make_request([picture(n)], prompt="a cat", task="rate", id=str(n)) for n in range(count)]


async def run(judge: AutoRater, count: int) -> list[Any]:
    return [judgment async for judgment in judge.judge_all(items(count), concurrency=1)]


async def test_the_limit_stops_before_the_next_call_and_counts_what_was_spent_before(tmp_path: Path) -> None:
    model = ScriptedModel()
    with (
        AutoRater(model, tools="none", log=tmp_path, price=PRICE, max_cost=0.5) as judge,
        pytest.raises(BudgetExceeded, match=r"limit of \$0.5 is reached \(\$0.6000 spent\)"),
    ):
        await run(judge, 9)
    assert len(model.asked) == 3
    with (
        AutoRater(model, tools="none", log=tmp_path, price=PRICE, max_cost=0.5) as judge,
        pytest.raises(BudgetExceeded),
    ):
        await run(judge, 9)
    assert len(model.asked) == 3
    with AutoRater(model, tools="none", log=tmp_path, price=PRICE, max_cost=1.0) as judge:
        found = await run(judge, 5)
    assert [item.cost for item in found] == [0.2] * 5
    assert len(model.asked) == 5


def test_a_limit_on_an_unknown_price_is_refused_and_no_limit_leaves_the_cost_unknown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="price of scripted:one is not known"):
        AutoRater(ScriptedModel(), tools="none", log=tmp_path / "a", max_cost=1.0)
    with AutoRater(ScriptedModel(), tools="none", log=tmp_path / "a") as judge:
        assert judge.rate(picture(), prompt="a cat").cost is None
        assert judge.log is not None
        assert judge.log.spent == 0.0


# Specialists ----------------------------------------------------------------------------------------------------------

CARD = """---
name: mean_grey
title: How bright?
entry: test_ledger:MeanGrey
quantities:
  - {name: grey, meaning: the mean, unit: "1", low: 0, high: 255, better: neither}
seconds: 0.001
extra: embedded
licence: MIT
commercial: true
source: none
errors: none
---
Nothing.
"""


class MeanGrey:
    """A specialist that counts the views of all its lives; it fails on black."""

    seen = 0

    def __init__(self, *, device: str) -> None:
        self.device = device

    def __call__(self, views: Sequence[View]) -> list[Outcome]:
        MeanGrey.seen += len(views)
        values = [float(view.image.array().mean()) for view in views]
        return [Measured(readings=(Reading(quantity="grey", value=v),)) if v else Failed(error="black") for v in values]


@pytest.fixture
def card() -> Card:
    MeanGrey.seen = 0
    return read_card(CARD, name="mean_grey.md")


async def test_a_view_is_measured_once_and_remembered_across_logs(tmp_path: Path, card: Card) -> None:
    toolbox, cache = Toolbox({card.name: card}), Cache(tmp_path / "cache")

    async def look(folder: str, number: int, times: int = 1) -> list[Any]:
        with RunLog(tmp_path / folder, write=True) as log:
            ledger = Ledger(log=log, cache=cache)
            view = View(image=picture(number))
            return await asyncio.gather(
                *(ledger.assess(card, view, settings="s", toolbox=toolbox) for _ in range(times))
            )

    first = await look("one", 7, times=20)
    again = await look("one", 7)
    other = await look("two", 7)
    assert MeanGrey.seen == 1
    assert first[0] == first[-1] == again[0]
    assert other[0].outcome == first[0].outcome
    assert (first[0].provenance.cached, other[0].provenance.cached) == (False, True)
    await look("one", 8)
    assert MeanGrey.seen == 2
    toolbox.close()


async def test_a_failure_is_recorded_and_not_remembered_elsewhere(tmp_path: Path, card: Card) -> None:
    toolbox, cache = Toolbox({card.name: card}), Cache(tmp_path / "cache")
    for folder in ("one", "one", "two"):
        with RunLog(tmp_path / folder, write=True) as log:
            ledger = Ledger(log=log, cache=cache)
            found = await ledger.assess(card, View(image=picture(0)), settings="s", toolbox=toolbox)
            assert found.outcome == Failed(error="black")
    assert MeanGrey.seen == 2
    toolbox.close()


async def test_a_replay_of_a_specialist_needs_no_specialist(tmp_path: Path, card: Card) -> None:
    toolbox = Toolbox({card.name: card})
    with RunLog(tmp_path, write=True) as log:
        first = await Ledger(log=log).assess(card, View(image=picture(9)), settings="s", toolbox=toolbox)
    toolbox.close()
    with RunLog(tmp_path) as log:
        ledger = Ledger(log=log, replaying=True)
        assert await ledger.assess(card, View(image=picture(9)), settings="s", toolbox=None) == first
        with pytest.raises(ReplayMiss, match=r"of mean_grey; the nearest of 1 is .* differs in view\.image"):
            await ledger.assess(card, View(image=picture(10)), settings="s", toolbox=None)


async def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, card: Card) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    toolbox = Toolbox({card.name: card})
    ledger = Ledger(cache=Cache(tmp_path / "file"))
    assert (await ledger.assess(card, View(image=picture(5)), settings="s", toolbox=toolbox)).outcome.kind == "measured"
    toolbox.close()


def test_replies_that_are_whole_objects_are_kept_whole(tmp_path: Path) -> None:
    told = Reply(text='{"score":1}', finish="stop", raw={"deep": [{"x": None, "y": 1.5, "ü": "é"}]})
    with RunLog(tmp_path, write=True) as log:
        asked = asyncio.run(Ledger(log=log).ask(ScriptedModel(lambda asked: told), question()))
        assert log.find(Asked, asked.key) == asked
        assert asked.reply == told
