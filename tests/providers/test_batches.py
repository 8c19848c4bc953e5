"""Questions that go by a provider's batch API: the same answers and errors as from calls of their own."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from batch_server import BatchServer
from questions import comparison, rating
from wire_answers import GOOD, MODELS, connect, written
from wire_server import WireServer

from autorater.errors import ProviderError, RateLimited, RecordError, Unavailable
from autorater.mailing import Mailing
from autorater.model import Question, Reply, Sampling
from autorater.outbox_record import NAME, read_sent
from autorater.providers._openai_batches import OpenAIBatches

PROVIDERS = ("openai", "anthropic", "google")
QUICK = Mailing(wait=0.05, first_look=0.01, longest_look=0.02)


def good(provider: str) -> Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]:
    body: dict[str, Any] = json.loads(written(provider).content())
    return lambda question: (200, body)


async def ask(provider: str, url: str, folder: Path, *questions: Question, **changes: Any) -> list[Any]:
    """The answers, or the errors, of questions that are asked at the same time."""
    model = connect(provider, url, mailing=replace(QUICK, folder=folder, **changes))
    try:
        return await asyncio.gather(*(model.ask(question) for question in questions), return_exceptions=True)
    finally:
        await cast(Any, model).close()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_asked_together_is_one_batch(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider)) as server:
        questions = [rating(sample=0), rating(sample=1), comparison()]
        replies = await ask(provider, server.url, tmp_path, *questions)
        (job,) = server.jobs.values()
        assert server.sent == [3]
        for reply in replies:
            assert isinstance(reply, Reply), reply
            assert (reply.text, reply.finish, reply.batch) == (GOOD, "stop", job.name)
            assert reply.usage.output == 60
        before, after = (json.loads(line) for line in (tmp_path / NAME).read_text().splitlines())
        assert len(before["lines"]) == 3
        assert after["batch"] == job.name
        assert "dummy-key" not in (tmp_path / NAME).read_text()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_batch_asks_the_same_as_a_call_of_its_own(provider: str, tmp_path: Path) -> None:
    with WireServer() as single:
        single.then(written(provider))
        await connect(provider, single.url).ask(rating())
        alone = single.received[0].body
    with BatchServer(good(provider)) as server:
        await ask(provider, server.url, tmp_path, rating())
        (job,) = server.jobs.values()
    (line,) = job.lines
    part = {"openai": "body", "anthropic": "params", "google": "request"}[provider]
    assert line[part] == alone
    if provider == "openai":
        assert (line["method"], line["url"]) == ("POST", "/v1/responses")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_later_process_waits_for_what_was_sent(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider), looks=10**9) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await ask(provider, server.url, tmp_path, rating(), rating(sample=1))
        assert server.sent == [2]
        server.looks = 0
        said: list[str] = []
        replies = await ask(
            provider, server.url, tmp_path, rating(), rating(sample=1), rating(sample=2), say=said.append
        )
        assert [reply.text for reply in replies] == [GOOD] * 3
        assert server.sent == [2, 1]  # only the new question was sent
        assert len({reply.batch for reply in replies}) == 2
        assert any("an earlier run sent it" in words for words in said)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_error_of_one_question_is_its_own(provider: str, tmp_path: Path) -> None:
    errors: dict[str, dict[str, Any]] = {
        "openai": {"error": {"message": "image too large", "type": "invalid_request_error", "code": None}},
        "anthropic": {"error": {"message": "image too large", "type": "invalid_request_error"}},
        "google": {"error": {"message": "image too large", "code": 3, "status": "INVALID_ARGUMENT"}},
    }
    fine = good(provider)

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return (400, errors[provider]) if "image 2" in json.dumps(body).lower() else fine(body)

    with BatchServer(answer) as server:
        first, second = await ask(provider, server.url, tmp_path, rating(), comparison())
    assert first.text == GOOD
    assert isinstance(second, ProviderError)
    assert not isinstance(second, RateLimited | Unavailable)
    assert second.status == 400
    assert "image too large" in str(second)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_refusal_is_a_reply(provider: str, tmp_path: Path) -> None:
    bodies: dict[str, tuple[int, dict[str, Any]]] = {
        "openai": (400, {"error": {"message": "content policy violation", "code": "content_policy_violation"}}),
        "anthropic": (200, json.loads(written("anthropic").content()) | {"stop_reason": "refusal"}),
        "google": (200, {"promptFeedback": {"blockReason": "SAFETY"}}),
    }
    with BatchServer(lambda body: bodies[provider]) as server:
        (reply,) = await ask(provider, server.url, tmp_path, rating())
    assert reply.finish == "refusal"
    assert reply.batch


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_what_expired_is_sent_again_when_it_is_asked_again(provider: str, tmp_path: Path) -> None:
    late: dict[str, Any] = {"code": "batch_expired", "message": "This request could not be executed in time."}
    answers = [(0, late), good(provider)({})]
    with BatchServer(lambda body: answers[0]) as server:
        model = connect(provider, server.url, mailing=replace(QUICK, folder=tmp_path))
        with pytest.raises(Unavailable):
            await model.ask(rating())
        answers.pop(0)
        assert (await model.ask(rating())).text == GOOD
        assert server.sent == [1, 1]
        await cast(Any, model).close()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_somebody_cancelled_is_not_sent_again_unasked(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider)) as server:
        model = connect(provider, server.url, mailing=replace(QUICK, folder=tmp_path))
        asking = asyncio.create_task(model.ask(rating()))
        while not server.jobs:
            await asyncio.sleep(0.01)
        next(iter(server.jobs.values())).cancelled = True
        with pytest.raises(ProviderError, match="was cancelled; the same command"):
            await asking
        await cast(Any, model).close()
        later = connect(provider, server.url, mailing=replace(QUICK, folder=tmp_path))
        with pytest.raises(Unavailable, match="ended without an answer"):  # the old batch is read once more
            await later.ask(rating())
        assert (await later.ask(rating())).text == GOOD
        assert server.sent == [1, 1]
        await cast(Any, later).close()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_is_away_for_a_while_is_asked_again(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider)) as server:
        server.refusals = [(429, {"error": {"message": "too many batches", "type": "rate_limit_error"}})]
        server.faults = [(503, {"error": {"message": "overloaded"}}), (500, {"error": {"message": "oops"}})]
        (reply,) = await ask(provider, server.url, tmp_path, rating())
        assert reply.text == GOOD
        assert server.sent == [1]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_wrong_key_ends_it(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider)) as server:
        server.refusals = [(401, {"error": {"message": "invalid key", "type": "authentication_error"}})]
        if provider == "openai":
            server.files.clear()
        (reply,) = await ask(provider, server.url, tmp_path, rating())
    assert isinstance(reply, ProviderError)
    assert reply.status == 401
    assert read_sent(tmp_path, f"{provider}:{MODELS[provider]}") == ({}, [])


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_batch_that_the_provider_forgot_is_sent_again(provider: str, tmp_path: Path) -> None:
    said: list[str] = []
    with BatchServer(good(provider), looks=10**9) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await ask(provider, server.url, tmp_path, rating())
        server.jobs.clear()
        server.looks = 1
        (reply,) = await ask(provider, server.url, tmp_path, rating(), say=said.append)
    assert reply.text == GOOD
    assert any("is not there any more" in words for words in said)


async def test_a_batch_that_does_not_fit_in_is_sent_in_smaller_ones(tmp_path: Path) -> None:
    full = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None, "param": None}
    with BatchServer(good("openai"), looks=1) as server:
        server.fails = [full]
        questions = [rating(sample=number) for number in range(5)]
        replies = await ask("openai", server.url, tmp_path, *questions)
        assert [getattr(reply, "text", reply) for reply in replies] == [GOOD] * 5
        assert server.sent == [5, 2, 2, 1]


async def test_a_batch_that_fails_as_a_whole_is_told_and_sent_anew_by_the_next_run(tmp_path: Path) -> None:
    with BatchServer(good("openai")) as server:
        server.fails = [{"code": "invalid_json_line", "message": "line 1 is no JSON", "line": 1, "param": None}]
        (error,) = await ask("openai", server.url, tmp_path, rating())
        assert isinstance(error, ProviderError)
        assert "line 1 is no JSON" in str(error)
        (reply,) = await ask("openai", server.url, tmp_path, rating())
        assert reply.text == GOOD


async def test_an_argument_that_the_model_refuses_is_dropped_as_ever(tmp_path: Path) -> None:
    fine = good("openai")

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        wrong = {"error": {"message": "Unsupported parameter: 'temperature' is not supported with this model."}}
        return (400, wrong) if "temperature" in body else fine(body)

    with BatchServer(answer) as server:
        question = rating(Sampling(temperature=0.5, effort="none", max_output_tokens=300))
        (reply,) = await ask("openai", server.url, tmp_path, question)
    assert reply.text == GOOD
    assert any("temperature was dropped" in words for words in reply.warnings)


async def test_a_torn_last_line_is_passed_over_and_damage_elsewhere_is_told(tmp_path: Path) -> None:
    with BatchServer(good("openai")) as server:
        await ask("openai", server.url, tmp_path, rating())
        whole = (tmp_path / NAME).read_text()
        (tmp_path / NAME).write_text(whole + whole[:20])
        replies = await ask("openai", server.url, tmp_path, rating(), rating(sample=1))
        assert [reply.text for reply in replies] == [GOOD, GOOD]
        assert server.sent == [1, 1]
        again = await ask("openai", server.url, tmp_path, rating(), rating(sample=1))
        assert [reply.text for reply in again] == [GOOD, GOOD]
        assert server.sent == [1, 1]  # what was written after the torn line is read too
        (tmp_path / NAME).write_text(whole[:20] + "\n" + whole)
        (error,) = await ask("openai", server.url, tmp_path, rating())
    assert isinstance(error, RecordError)
    assert "line 1 names no batch" in str(error)


async def test_many_questions_are_several_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenAIBatches, "limits", (4, 10_000_000))
    with BatchServer(good("openai")) as server:
        replies = await ask("openai", server.url, tmp_path, *(rating(sample=number) for number in range(10)))
        assert all(reply.text == GOOD for reply in replies)
        assert sorted(server.sent) == [2, 4, 4]


async def test_a_question_larger_than_a_batch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenAIBatches, "limits", (4, 100))
    with BatchServer(good("openai")) as server:
        (error,) = await ask("openai", server.url, tmp_path, rating())
    assert "fewer or smaller images" in str(error)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_batch_that_was_taken_without_a_word_is_found_and_not_sent_twice(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider)) as server:
        server.lost = 1
        replies = await ask(provider, server.url, tmp_path, rating(), rating(sample=1))
        assert [getattr(reply, "text", reply) for reply in replies] == [GOOD] * 2
        assert server.sent == [2]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_run_that_was_killed_before_it_learned_the_batch_finds_it(provider: str, tmp_path: Path) -> None:
    said: list[str] = []
    with BatchServer(good(provider)) as server:
        await ask(provider, server.url, tmp_path, rating(), rating(sample=1))
        record = tmp_path / NAME
        record.write_text(record.read_text().splitlines(keepends=True)[0])  # as a kill -9 leaves it
        for _ in range(2):
            replies = await ask(
                provider, server.url, tmp_path, rating(), rating(sample=1), rating(sample=2), say=said.append
            )
            assert [reply.text for reply in replies] == [GOOD] * 3
            assert server.sent == [2, 1]
    assert sum("did not learn its name" in words for words in said) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_a_killed_run_did_not_send_is_sent(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider)) as server:
        await ask(provider, server.url, tmp_path, rating())
        record = tmp_path / NAME
        record.write_text(record.read_text().splitlines(keepends=True)[0])
        server.jobs.clear()
        (reply,) = await ask(provider, server.url, tmp_path, rating())
        assert reply.text == GOOD
        assert server.sent == [1]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_who_asks_again_after_giving_up_gets_the_answer_that_is_on_its_way(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider), looks=10**9) as server:
        model = connect(provider, server.url, mailing=replace(QUICK, folder=tmp_path))
        asking = asyncio.create_task(model.ask(rating()))
        while not server.asked:
            await asyncio.sleep(0.001)
        asking.cancel()
        later = asyncio.create_task(model.ask(rating()))
        while not server.jobs:
            await asyncio.sleep(0.01)
        later.cancel()
        server.looks = 0
        assert (await model.ask(rating())).text == GOOD
        assert server.sent == [1]
        await cast(Any, model).close()


@pytest.mark.parametrize("looks", [0, 10**9])
async def test_who_waits_when_it_is_closed_is_told(looks: int, tmp_path: Path) -> None:
    with BatchServer(good("openai"), looks=looks) as server:
        wait = 100.0 if looks == 0 else 0.01
        model = connect("openai", server.url, mailing=replace(QUICK, folder=tmp_path, wait=wait))
        asking = asyncio.create_task(model.ask(rating()))
        while looks and not any("GET" in asked for asked in server.asked):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await cast(Any, model).close()
        async with asyncio.timeout(5):
            with pytest.raises(ProviderError, match="closed while a question waited"):
                await asking


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_two_that_ask_the_same_are_one_question_of_a_batch(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider)) as server:
        replies = await ask(provider, server.url, tmp_path, rating(), rating())
        assert [reply.text for reply in replies] == [GOOD] * 2
        assert server.sent == [1]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_page_of_a_proxy_is_no_answer(provider: str, tmp_path: Path) -> None:
    page: Any = b"<html>Please log in</html>"
    with BatchServer(good(provider)) as server:
        server.refusals = [(200, page)]
        server.faults = [(200, page)]
        (reply,) = await ask(provider, server.url, tmp_path, rating())
        assert getattr(reply, "text", reply) == GOOD
        assert server.sent == [1]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_damaged_line_costs_one_answer_and_not_all(provider: str, tmp_path: Path) -> None:
    with BatchServer(good(provider)) as server:
        server.torn = 1
        replies = await ask(provider, server.url, tmp_path, *(rating(sample=number) for number in range(3)))
        assert sorted(isinstance(reply, Unavailable) for reply in replies) == [False, False, True]
        assert server.sent == [3]


@pytest.mark.parametrize("status", [413, 429])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_refused_as_too_much_is_sent_in_parts(provider: str, status: int, tmp_path: Path) -> None:
    with BatchServer(good(provider)) as server:
        server.refusals = [(status, {"error": {"message": "too much", "type": "x"}})] * (1 if status == 413 else 4)
        replies = await ask(provider, server.url, tmp_path, *(rating(sample=number) for number in range(4)))
        assert [getattr(reply, "text", reply) for reply in replies] == [GOOD] * 4
        assert server.sent == [2, 2]


async def test_batches_that_had_no_room_together_are_halved_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenAIBatches, "limits", (4, 10_000_000))
    full = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None, "param": None}
    with BatchServer(good("openai"), looks=1) as server:
        server.fails = [full, full, full]
        replies = await ask(
            "openai", server.url, tmp_path, *(rating(sample=number) for number in range(12)), first_look=0.3
        )
        assert [getattr(reply, "text", reply) for reply in replies] == [GOOD] * 12
        assert server.sent[3:] == [2] * 6


async def test_what_cannot_be_written_down_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("no folder")
    with BatchServer(good("openai")) as server:
        (error,) = await ask("openai", server.url, tmp_path / "log", rating())
        assert isinstance(error, RecordError)
        assert server.sent == []


async def test_a_cancelled_batch_of_an_earlier_run_is_not_sent_again_unasked(tmp_path: Path) -> None:
    with BatchServer(good("openai"), looks=10**9) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await ask("openai", server.url, tmp_path, rating())
        (job,) = server.jobs.values()
        seen = job.looked
        later = asyncio.create_task(ask("openai", server.url, tmp_path, rating()))
        while job.looked < seen + 2:
            await asyncio.sleep(0.01)
        job.cancelled, server.looks = True, 0
        (error,) = await later
        assert "was cancelled" in str(error)
        assert not isinstance(error, Unavailable)
        assert server.sent == [1]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_images_are_not_held_while_a_batch_is_waited_for(provider: str, tmp_path: Path) -> None:
    question = rating()
    (picture,) = question.conversation.pictures()
    with BatchServer(good(provider), looks=10**9) as server:
        asking = asyncio.create_task(ask(provider, server.url, tmp_path, question))
        while not any(job.looked for job in server.jobs.values()):
            await asyncio.sleep(0.01)
        made: list[str] = []
        picture.remember("rgb", lambda: made.append("anew") or picture.rgb())  # type: ignore[func-returns-value]
        assert made
        server.looks = 0
        (reply,) = await asking
    assert reply.text == GOOD
