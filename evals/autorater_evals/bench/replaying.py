"""Replay: recorded calls a second, at the ledger and from end to end."""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable

from autorater import AutoRater, RunLog
from autorater.evidence import Evidence
from autorater.ledger import Ledger
from autorater.model import Question
from autorater.replay import replay
from autorater.vlm_judge import Order, VlmJudge
from autorater_evals.bench.figures import Figure
from autorater_evals.bench.stand_in import StandIn, requests


def measure(quick: bool) -> list[Figure]:
    """A log of comparisons in one order and in both, read again and again; the best round counts."""
    count, rounds = (100, 2) if quick else (2000, 7)
    found: list[Figure] = []
    orders: list[tuple[Order, int]] = [("given", 1), ("both", 2)]
    for order, calls in orders:
        with tempfile.TemporaryDirectory() as folder:
            with AutoRater(StandIn(), tools="none", order=order, log=folder) as judge:
                for _ in judge.judge_many(requests(count), concurrency=32):
                    pass
                assert isinstance(judge.loop.judge, VlmJudge)
                asking = judge.loop.judge
                questions = [asking.question(item, Evidence((), {}), (0, 1)) for item in requests(count)]
            if order == "given":
                speed = count / _least(lambda: _ask_all(folder, questions), rounds)  # noqa: B023
                note = f"key, lookup and parsed reply of {count} calls; best of {rounds}"
                found.append(Figure("recorded calls at the ledger", speed, "calls/s", 10_000, note=note))
            seconds = _least(lambda: _replay_all(folder, count), rounds)
            note = (
                f"{count / seconds:,.0f} judgments/s of {calls} call{'s' * (calls > 1)} each, opening the log included"
            )
            found.append(
                Figure(f"replay from end to end, {order}", calls * count / seconds, "calls/s", 10_000, note=note)
            )
    return found


def _least(work: Callable[[], float], rounds: int) -> float:
    return min(work() for _ in range(rounds))


def _ask_all(folder: str, questions: list[Question]) -> float:
    async def ask() -> float:
        model = StandIn()
        with RunLog(folder) as log:
            ledger = Ledger(log=log, replaying=True)
            start = time.perf_counter()
            for question in questions:
                asked = await ledger.ask(model, question)
                assert asked.reply is not None
                json.loads(asked.reply.text)
            return time.perf_counter() - start

    return asyncio.run(ask())


def _replay_all(folder: str, count: int) -> float:
    start = time.perf_counter()
    assert sum(item.identical for item in replay(folder)) == count
    return time.perf_counter() - start
