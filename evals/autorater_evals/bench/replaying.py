"""Replay: recorded calls a second of CPU (one core works), at the ledger and from end to end."""

import asyncio
import json
import tempfile
from collections.abc import Callable
from functools import partial

from autorater import AutoRater, RunLog
from autorater.evidence import Evidence
from autorater.ledger import Ledger
from autorater.model import Question
from autorater.replay import areplay
from autorater.vlm_judge import Order, Protocols, VlmJudge
from autorater_evals.bench.figures import Figure, Taken, timed
from autorater_evals.bench.stand_in import StandIn, requests


def measure(quick: bool) -> list[Figure]:
    """Logs of comparisons by the full and by the paper's short verdict, read again and again; the best round counts."""
    count, rounds = (50, 1) if quick else (2000, 7)
    found: list[Figure] = []
    cases: list[tuple[Order, Protocols]] = [("given", "autorater"), ("both", "autorater"), ("given", "autorater-paper")]
    for order, protocol in cases:
        with tempfile.TemporaryDirectory() as folder:
            with AutoRater(StandIn(), tools="none", order=order, protocol=protocol, log=folder) as judge:
                for _ in judge.judge_many(requests(count), concurrency=32):
                    pass
                assert isinstance(judge.loop.judge, VlmJudge)
                asking = judge.loop.judge
                questions = [asking.question(item, Evidence((), {}), (0, 1)) for item in requests(count)]
            if not found:
                found.append(_figure("at the ledger", _least(partial(_ask_all, folder, questions), rounds), count, 1))
            name = f"from end to end, protocol {protocol}, order {order}"
            taken = _least(partial(_replay_all, folder, count), rounds)
            found.append(_figure(name, taken, count, 2 if order == "both" else 1))
    return found


def _figure(what: str, taken: Taken, count: int, calls: int) -> Figure:
    note = f"a second of CPU, {calls} a judgment; {calls * count / taken.wall:,.0f} by the clock of this machine"
    return Figure(f"replay {what}", calls * count / taken.processor, "calls/s", 10_000, note=note)


def _least(work: Callable[[], Taken], rounds: int) -> Taken:
    return min((work() for _ in range(rounds)), key=lambda taken: taken.processor)


def _ask_all(folder: str, questions: list[Question]) -> Taken:
    """Key, lookup and parsed reply of every call."""

    async def ask() -> Taken:
        model = StandIn()
        with RunLog(folder) as log:
            ledger = Ledger(log=log, replaying=True)

            async def every() -> None:
                for question in questions:
                    asked = await ledger.ask(model, question)
                    assert asked.reply is not None
                    json.loads(asked.reply.text)

            return await timed(every())

    return asyncio.run(ask())


def _replay_all(folder: str, count: int) -> Taken:
    """Every judgment made again and compared, with opening the log."""

    async def every() -> None:
        assert sum([item.identical async for item in areplay(folder)]) == count

    return asyncio.run(timed(every()))
