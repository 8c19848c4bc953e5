"""Orchestrating: against the ideal, and against a bare loop over the same SDK, transport and requests."""

import asyncio
import base64
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
import openai

from autorater import AutoRater, Request
from autorater.evidence import Evidence
from autorater.vlm_judge import VlmJudge
from autorater_evals.bench.figures import Figure, Taken, timed
from autorater_evals.bench.server import serving
from autorater_evals.bench.stand_in import StandIn, pictures, requests


def measure(quick: bool) -> list[Figure]:
    """Calls of fixed latency in this process, 32 in flight, recorded: the share of the ideal N/L that is reached."""
    seconds, rounds = (0.2, 2) if quick else (1.0, 8)
    count = 32 * rounds
    with tempfile.TemporaryDirectory() as folder, _judge(StandIn(seconds), folder) as judge:
        asyncio.run(_judged(judge, list(requests(32)), 32))  # templates and validators are made at first use
        taken = asyncio.run(timed(_judged(judge, list(requests(count, start=32)), 32)))
    note = f"{count} calls of {seconds:g} s, 32 in flight, recording"
    return [Figure("share of the ideal N/L", rounds * seconds / taken.wall, bar=0.95, note=note)]


def measure_against_bare(quick: bool) -> list[Figure]:
    """Throughput and CPU against the bare loop, in turns, and the CPU with a fresh file for every item."""
    loads = [(32, 0.05, 96, 1)] if quick else [(32, 0.1, 640, 5), (128, 1.0, 512, 3)]
    found: list[Figure] = []
    for flying, seconds, count, rounds in loads:
        with serving(seconds) as address:
            found += asyncio.run(_compare(address, flying, seconds, count, rounds))
    with serving(0.0) as address:
        found += asyncio.run(_processor(address, 40 if quick else 200, 1 if quick else 7))
    return found


def _judge(model: Any, folder: str, **told: Any) -> AutoRater:
    return AutoRater(model, tools="none", order="given", log=folder, **told)


def _opened(address: str, folder: str) -> AutoRater:
    return _judge(f"compatible:{address}#m", folder, api_key="none")


async def _judged(judge: AutoRater, items: list[Any], flying: int, folder: str = ".") -> None:
    async for judgment in judge.judge_all(items, concurrency=flying, folder=folder):
        assert judgment.outcome in ("scored", "tie"), judgment.reason


class Bare:
    """What one would write without AutoRater: the same words, pictures and schema, a few calls in flight."""

    def __init__(self, address: str, judge: AutoRater) -> None:
        assert isinstance(judge.loop.judge, VlmJudge)
        # The transport and the limits of AutoRater's own adapter.
        limits = httpx2.Limits(max_connections=1000, max_keepalive_connections=1000, keepalive_expiry=60)
        transport = openai.DefaultAioHttpClient(limits=limits, timeout=600.0)
        self.client = openai.AsyncOpenAI(api_key="none", base_url=address, max_retries=0, http_client=transport)
        example = next(requests(1, start=987654))
        question = judge.loop.judge.question(example, Evidence((), {}), (0, 1))
        self.system = question.conversation.system
        texts = [part.text for part in question.conversation.turns[0].parts if hasattr(part, "text")]  # type: ignore[union-attr]
        self.texts: list[str] = texts
        self.schema = question.schema
        self.names = {item.sha256: item.data for item in pictures()}

    async def ask(self, request: Request) -> dict[str, Any]:
        """One call, as the SDK's documentation shows it, and the parsed answer."""
        first, *rest = (self._text(words, request.prompt) for words in self.texts)
        parts: list[Any] = [first]
        for picture, words in zip(request.candidates, rest, strict=True):
            data = base64.b64encode(self.names[picture.sha256]).decode("ascii")
            url = {"url": f"data:image/png;base64,{data}", "detail": "high"}
            parts += [{"type": "image_url", "image_url": url}, words]
        messages: list[Any] = [{"role": "system", "content": self.system}, {"role": "user", "content": parts}]
        form: Any = {"name": "comparison", "strict": True, "schema": self.schema}
        response = await self.client.chat.completions.create(
            model="m",
            messages=messages,
            response_format={"type": "json_schema", "json_schema": form},
            max_tokens=4096,
            temperature=0.0,
        )
        return json.loads(response.choices[0].message.content or "")

    def _text(self, words: str, prompt: str) -> dict[str, str]:
        return {"type": "text", "text": words.replace("a harbour at dusk with 987654 boats", prompt)}

    async def run(self, items: list[Request], flying: int) -> None:
        """All items, `flying` at a time."""
        waiting = iter(items)

        async def work(source: Iterator[Request]) -> None:
            for item in source:
                assert "preference" in await self.ask(item)

        await asyncio.gather(*(work(waiting) for _ in range(flying)))


async def _compare(address: str, flying: int, seconds: float, count: int, rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, _opened(address, folder) as judge:
        bare = Bare(address, judge)
        start = 2 * flying
        warm = list(requests(start))
        await bare.run(warm, flying)
        await _judged(judge, warm, flying)
        ratios: list[float] = []
        rates: list[float] = []
        for turn in range(rounds):
            items = list(requests(count, start=start + turn * count))
            theirs, ours = await _in_turn(turn, lambda: bare.run(items, flying), lambda: _judged(judge, items, flying))  # noqa: B023
            ratios.append(theirs.wall / ours.wall)
            rates.append(count / ours.wall)
        await bare.client.close()
    note = f"{count} calls of {seconds:g} s, {flying} in flight, recording; median of {rounds}"
    name = f"throughput against a bare loop, {flying} × {seconds:g} s"
    share = median(rates) * seconds / flying
    return [
        Figure(name, median(ratios), bar=0.95, note=note),
        Figure(f"share of the ideal N/L over HTTP, {flying} × {seconds:g} s", share, note="the same run"),
    ]


async def _in_turn(
    turn: int, theirs: Callable[[], Awaitable[None]], ours: Callable[[], Awaitable[None]]
) -> tuple[Taken, Taken]:
    """Both once, each going first every other time."""
    if turn % 2:
        second = await timed(ours())
        return await timed(theirs()), second
    first = await timed(theirs())
    return first, await timed(ours())


async def _processor(address: str, count: int, rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, _opened(address, folder) as judge:
        bare = Bare(address, judge)
        await bare.run(list(requests(50)), 8)
        await _judged(judge, list(requests(50)), 8)
        taken: dict[str, list[float]] = {"bare": [], "ours": [], "fresh": []}
        for turn in range(rounds):
            start = 50 + turn * count
            items = list(requests(count, start=start))
            theirs, ours = await _in_turn(turn, lambda: bare.run(items, 8), lambda: _judged(judge, items, 8))  # noqa: B023
            rows = _fresh(Path(folder), start, count)
            fresh = await timed(_judged(judge, rows, 8, folder))
            for name, told in (("bare", theirs), ("ours", ours), ("fresh", fresh)):
                taken[name].append(1e3 * told.processor / count)
        await bare.client.close()
    least = {name: min(told) for name, told in taken.items()}
    note = f"least of {rounds} turns of {count} calls, 8 in flight; bare {least['bare']:.2f} ms"
    return [
        Figure(
            "CPU of a judgment to a bare SDK call",
            least["ours"] / least["bare"],
            bar=1.3,
            better="lower",
            note=f"{note}, ours {least['ours']:.2f} ms",
        ),
        Figure(
            "the same with two fresh files opened for every item",
            least["fresh"] / least["bare"],
            note=f"{least['fresh']:.2f} ms: reading, decoding, hashing and keeping two pictures of 256 × 256",
        ),
    ]


def _fresh(folder: Path, start: int, count: int) -> list[dict[str, Any]]:
    """Rows whose two pictures were never seen before."""
    from PIL import Image

    rows: list[dict[str, Any]] = []
    for number in range(start, start + count):
        names = [f"{number}{letter}.png" for letter in "ab"]
        for shade, name in enumerate(names):
            Image.linear_gradient("L").point(lambda value, by=number + shade: (value + by) % 256).convert("RGB").save(  # type: ignore[misc]
                folder / name, pnginfo=None, compress_level=1
            )
        rows.append({"id": f"f{number}", "prompt": f"picture {number}", "image_a": names[0], "image_b": names[1]})
    return rows
