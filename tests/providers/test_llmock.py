"""Chaos: the adapters and the retry policy together against llmock, which also judges the client.

llmock is an independent double of the providers, made for this; it runs as a process of its own. What it cannot do
(answer with HTML, cut a plain answer, stall for ever) is in test_conformance.py.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.request import Request, urlopen

import pytest
from questions import judged, looked, looking, rating

from autorater.errors import ProviderError, RateLimited, Unavailable
from autorater.mailing import Mailing
from autorater.model import Model, Reply, open_model
from autorater.retrying import Retries, with_retries

RETRIES = Retries(attempts=4, first_wait=0.02, longest_wait=2.0)
PROVIDERS = ("openai", "anthropic", "google", "compatible")


class Double:
    """A running llmock."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, path: str, body: Any = None, *, method: str = "POST") -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.url}/_llmock/{path}", data=data, method=method), timeout=10) as answer:
            return json.loads(answer.read())

    def script(self, **behaviour: Any) -> None:
        self.call("scenario", {"behaviors": [behaviour]})

    def verdict(self) -> Any:
        return self.call("verdict", method="GET")

    def model(self, provider: str, **settings: Any) -> Model:
        names = {
            "openai": ("openai:gpt-6.1-terra", "/v1"),
            "anthropic": ("anthropic:claude-sonnet-5-5", "/anthropic"),
            "google": ("google:gemini-3.8-flash", "/gemini"),
        }
        if provider == "compatible":
            return open_model(f"compatible:{self.url}/v1#local", **settings)
        name, path = names[provider]
        return open_model(name, api_key="dummy-key", base_url=self.url + path, **settings)

    async def ask(self, provider: str, **settings: Any) -> Reply:
        model = self.model(provider, **settings)
        try:
            return await with_retries(lambda: model.ask(rating()), RETRIES)
        finally:
            await cast(Any, model).close()


@pytest.fixture(scope="module")
def running() -> Iterator[Double]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = "from llmock.cli import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "serve", "--port", str(port), "--log-level", "critical"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    double = Double(f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 30
    while True:
        try:
            double.call("requests", method="GET")
            break
        except OSError:
            assert process.poll() is None, "llmock ended at once: is the dev extra installed?"
            assert time.monotonic() < deadline, "llmock did not start"
            time.sleep(0.05)
    yield double
    process.terminate()
    process.wait(10)


@pytest.fixture
def double(running: Double, monkeypatch: pytest.MonkeyPatch) -> Double:
    monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", "v1beta")  # llmock knows no other
    running.call("reset")
    return running


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_plain_answer(double: Double, provider: str) -> None:
    reply = await double.ask(provider)
    assert reply.finish == "stop"
    assert reply.text
    assert double.verdict()["attempts"] == 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_rate_limits_are_waited_out(double: Double, provider: str) -> None:
    double.script(type="fail", status=429, retry_after=0.2, times=2)
    start = time.monotonic()
    assert (await double.ask(provider)).finish == "stop"
    assert time.monotonic() - start >= 0.4
    verdict = double.verdict()
    assert verdict["attempts"] == 3
    assert verdict["findings"] == []


@pytest.mark.parametrize("status", [500, 503, 529])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_outages_are_outlived(double: Double, provider: str, status: int) -> None:
    double.script(type="fail", status=status, times=2, retry_after=0.02)
    assert (await double.ask(provider)).finish == "stop"
    verdict = double.verdict()
    assert (verdict["attempts"], verdict["errors"]) == (3, 0), verdict


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_no_retry_mends_is_asked_once(double: Double, provider: str, status: int) -> None:
    double.script(type="fail", status=status, times=None)
    with pytest.raises(ProviderError) as caught:
        await double.ask(provider)
    assert type(caught.value) is ProviderError
    assert caught.value.status == status
    verdict = double.verdict()
    assert (verdict["attempts"], verdict["findings"]) == (1, [])


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_outage_without_end_is_given_up(double: Double, provider: str) -> None:
    double.script(type="fail", status=503, times=None, retry_after=0.02)
    with pytest.raises(Unavailable):
        await double.ask(provider)
    verdict = double.verdict()
    assert verdict["attempts"] == RETRIES.attempts
    assert [finding["code"] for finding in verdict["findings"] if finding["severity"] == "error"] == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_wait_of_an_hour_is_refused(double: Double, provider: str) -> None:
    double.script(type="fail", status=429, retry_after=3600, times=None)
    with pytest.raises(RateLimited) as caught:
        await double.ask(provider)
    assert caught.value.retry_after == 3600
    assert double.verdict()["attempts"] == 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_stall_is_cut_off_and_asked_again(double: Double, provider: str) -> None:
    double.script(type="delay", seconds=1.0, times=1)
    assert (await double.ask(provider, timeout=0.4)).finish == "stop"
    assert double.verdict()["attempts"] == 2


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_tools_are_called_and_their_results_taken(double: Double, provider: str) -> None:
    model: Any = double.model(provider, **({"native_tools": True} if provider == "compatible" else {}))
    reply = await model.ask(looking())
    assert [(call.name, call.problem) for call in reply.calls] == [("sharpness", "")]
    assert reply.calls[0].arguments["image"] in ("image_1", "image_2")
    again, verdict = await model.ask(looked(reply)), await model.ask(judged(reply))
    await model.close()
    assert again.text or again.calls
    assert (verdict.finish, verdict.calls, bool(verdict.text)) == ("stop", (), True)
    assert double.verdict()["errors"] == 0


async def test_a_batch_of_anthropic(double: Double, tmp_path: Path) -> None:
    """Of OpenAI's batches it knows chat completions only, and of Google's inline requests only."""
    mailing = Mailing(folder=tmp_path, wait=0.1, first_look=0.2, longest_look=0.5)
    model = double.model("anthropic", mailing=mailing)
    try:
        replies = await asyncio.gather(model.ask(rating()), model.ask(rating(sample=1)))
    finally:
        await cast(Any, model).close()
    assert [reply.finish for reply in replies] == ["stop", "stop"]
    assert len({reply.batch for reply in replies}) == 1
