"""Whole runs by a batch API: half the price, resumed after kill -9, held to a limit on money, replayed."""

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from batch_server import BatchServer
from PIL import Image
from scripted import ScriptedModel, fill
from wire_answers import written

from autorater import AutoRater, Price, Sampling
from autorater.budget import Budget
from autorater.errors import BudgetExceeded, UsageError
from autorater.mailing import Mailing
from autorater.model import Usage
from autorater.outbox_record import NAME
from autorater.prices import price
from autorater.replay import replay

MODEL = "openai:gpt-6.1-terra"
QUICK = Mailing(wait=0.1, first_look=0.01, longest_look=0.05)


def filled(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Fills whatever schema is asked for."""
    return 200, json.loads(written("openai", json.dumps(fill(body["text"]["format"]["schema"]))).content())


@pytest.fixture
def items(tmp_path: Path) -> list[dict[str, Any]]:
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((16, 16, 3), 40 * number, np.uint8)).save(path)
    return [
        {"id": str(n), "prompt": "a grey square", "image_a": str(paths[n]), "image_b": str(paths[n - 1])}
        for n in range(6)
    ]


def open_judge(server: BatchServer, folder: Path, **settings: Any) -> AutoRater:
    given: dict[str, Any] = {
        "tools": "none",
        "log": folder,
        "batch_api": QUICK,
        "api_key": "dummy",
        "base_url": f"{server.url}/v1",
    }
    return AutoRater(MODEL, **(given | settings))


def test_a_run_is_a_few_batches_at_half_the_price_and_replays(items: list[dict[str, Any]], tmp_path: Path) -> None:
    with BatchServer(filled) as server:
        with open_judge(server, tmp_path / "log") as judge:
            judgments = list(judge.judge_many(items))
        assert server.sent == [12]  # six pairs in both orders
        full = price("openai", "gpt-6.1-terra", Usage(input=1000, output=60, cached=200))
        assert full is not None
        assert [each.cost for each in judgments] == pytest.approx([float(full)] * 6)  # two calls at half the price
    again = list(replay(tmp_path / "log"))
    assert [item.identical for item in again] == [True] * 6
    logged = (tmp_path / "log" / "events.jsonl").read_text() + (tmp_path / "log" / NAME).read_text()
    assert "dummy" not in logged
    assert '"batch":"batch_0"' in logged


def test_a_killed_run_goes_on_with_the_batch_that_it_sent(items: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    with BatchServer(filled, looks=10**9) as server:
        log = tmp_path / "log"
        command = [
            *(sys.executable, "-m", "autorater", "run", str(tmp_path / "items.jsonl"), "--model", MODEL),
            *("--tools", "none", "--log", str(log), "--batch-api", "--base-url", f"{server.url}/v1", "--json"),
            *("--batch-wait", "0.3"),
        ]
        environment = os.environ | {"OPENAI_API_KEY": "dummy"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + 60
            while not (log / NAME).exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            assert process.poll() is None
            process.kill()
        server.looks = 0
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert server.sent == [12]
        summary = json.loads(done.stdout)
        assert (summary["items"], summary["coverage"]) == (6, 1.0)


async def test_money_is_set_aside_before_a_batch_is_sent(items: list[dict[str, Any]], tmp_path: Path) -> None:
    """$1 a call at half the price of $2; with $7 there is no eighth call, and no batch that might cost more."""
    dear = Price(input_per_million=Decimal(0), output_per_million=Decimal(2_000_000) / 60)
    with BatchServer(filled) as server:
        sampling = Sampling(max_output_tokens=180)  # at most three times what an answer takes
        with (
            open_judge(server, tmp_path / "log", max_cost=7.0, price=dear, sampling=sampling) as judge,
            pytest.raises(BudgetExceeded),
        ):
            async for _ in judge.judge_all(items):
                pass
        assert server.sent[0] == 2  # $3 each at most
        assert sum(server.sent) == 7
        assert judge.loop.ledger.budget.spent == pytest.approx(7.0)
        with open_judge(server, tmp_path / "log", max_cost=20.0, price=dear, sampling=sampling) as judge:
            assert len([each async for each in judge.judge_all(items)]) == 6
        assert sum(server.sent) == 12


async def test_what_an_answer_costs_is_learnt() -> None:
    budget = Budget(10.0)
    for _ in range(20):
        budget.pay(0.01)
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        for _ in range(30):  # 30 of $0.0125, and not of $1
            await stack.enter_async_context(budget.hold(1.0))


@pytest.mark.parametrize(("cost", "kind"), [(0.0, "judge"), (None, "judge"), (0.0001, "select")])
async def test_errors_and_cheaper_calls_do_not_tell_what_an_answer_costs(cost: float | None, kind: str) -> None:
    budget = Budget(10.0)
    for _ in range(20):
        budget.pay(cost, kind)
    async with AsyncExitStack() as stack:
        for _ in range(9):
            await stack.enter_async_context(budget.hold(1.1, "judge"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await stack.enter_async_context(budget.hold(1.1, "judge"))


async def test_money_that_somebody_gave_up_waiting_for_goes_to_the_next() -> None:
    budget, let_in = Budget(1.0), list[int]()

    async def call(number: int) -> None:
        async with budget.hold(1.0):
            let_in.append(number)

    async with asyncio.timeout(5):
        async with budget.hold(1.0):
            calls = [asyncio.create_task(call(number)) for number in range(4)]
            await asyncio.sleep(0)
            calls[0].cancel()
        calls[1].cancel()  # its turn has come, and it does not know yet
        done = await asyncio.gather(*calls, return_exceptions=True)
    assert let_in == [2, 3]
    assert [type(one) for one in done[:2]] == [asyncio.CancelledError] * 2
    async with asyncio.timeout(1), budget.hold(1.0):
        pass


async def test_who_waits_for_money_is_told_when_there_is_none_left() -> None:
    budget = Budget(1.0)
    async with asyncio.timeout(5):
        async with budget.hold(1.0):
            waiting = [asyncio.ensure_future(budget.hold(1.0).__aenter__()) for _ in range(3)]
            await asyncio.sleep(0)
            budget.pay(1.0)
        done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in done] == [BudgetExceeded] * 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"log": None}, "needs --log FOLDER"),
        ({"tools": "agent"}, "each step of an agent would wait"),
    ],
)
def test_what_does_not_go_with_it_is_told(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"api_key": "dummy", "batch_api": True, "log": tmp_path / "log"}
    with pytest.raises(UsageError, match=words):
        AutoRater(MODEL, **(given | settings))
    assert not (tmp_path / "log").exists()


def test_only_providers_with_a_batch_api_have_one(tmp_path: Path) -> None:
    for model in ("compatible:http://127.0.0.1:1/v1#m", "transformers:x", "openai-decisions:gpt-6-luna", "embedded"):
        with pytest.raises(UsageError, match="needs a model of openai, anthropic or google"):
            AutoRater(model, batch_api=True, log=tmp_path / "log")
    with pytest.raises(UsageError, match="given by its name; got scripted:one"):
        AutoRater(ScriptedModel(), batch_api=True, log=tmp_path / "log")


@pytest.mark.parametrize("name", ["openai:gpt-6.1-terra", "anthropic:claude-sonnet-5-5", "google:gemini-3.8-flash"])
def test_a_batch_costs_half(name: str) -> None:
    provider, _, model = name.partition(":")
    usage = Usage(input=1000, output=100)
    full, half = (price(provider, model, usage, batch=batch) for batch in (False, True))
    assert full is not None
    assert half == full / 2
