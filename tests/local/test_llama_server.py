"""A real llama.cpp server with a random model that sees, through the adapter for compatible servers."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from llama_serving import opened, serving
from local_questions import Label, Small, noise, question

from autorater import AutoRater
from autorater.checklist import default_checklist
from autorater.errors import ProviderError, RateLimited, Unavailable
from autorater.model import Model, Sampling, open_model
from autorater.replay import replay
from autorater.sync import run_sync
from autorater.verdict import verdict_schema

pytest.importorskip("openai", reason="the extra openai is not installed")
pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
LEFT, RIGHT = noise(1), noise(2)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pytest.importorskip("gguf", reason="the writer of llama.cpp's files is not installed")
    from tiny_gguf import build_gguf

    return build_gguf(tmp_path_factory.mktemp("gguf"))


@pytest.fixture(scope="module")
def address(files: tuple[Path, Path]) -> Iterator[str]:
    with serving(*files) as found:
        assert found.startswith("http://127.0.0.1:"), "llama.cpp did not start"
        yield found


@pytest.fixture
async def model(address: str) -> AsyncIterator[Model]:
    async for one in opened(f"compatible:{address}/v1#tiny"):
        yield one


@pytest.mark.parametrize("seed", range(4))
async def test_random_weights_fill_the_schema(model: Model, seed: int) -> None:
    reply = await model.ask(question(LEFT, RIGHT, temperature=1.0, seed=seed))
    Small.model_validate_json(reply.text)
    assert reply.finish == "stop"
    assert reply.served_by == "tiny"
    assert reply.usage.input > 2 * 16  # two images of (56 / 14) squared patches
    assert reply.usage.output == len(reply.tokens) > 10
    assert reply.warnings == ()
    assert reply.raw["choices"]


async def test_log_probabilities_come_along(model: Model) -> None:
    reply = await model.ask(question(LEFT, RIGHT, temperature=1.0, seed=1))
    assert "".join(token.text for token in reply.tokens).strip() == reply.text
    for token in reply.tokens:
        assert token.logprob == token.top[token.text] <= 0.0
        assert 5 <= len(token.top) <= 6
        assert sum(map(math.exp, token.top.values())) <= 1 + 1e-6
    assert (await model.ask(question(LEFT, logprobs=False))).tokens == ()


async def test_seeds_name_the_draw(model: Model) -> None:
    asked: list[dict[str, Any]] = [{"seed": 1}, {"seed": 1}, {"seed": 2}, {"seed": 1, "sample": 1}]
    texts = [(await model.ask(question(LEFT, temperature=1.0, **each))).text for each in asked]
    assert texts[0] == texts[1] != texts[2] == texts[3]


async def test_the_order_and_the_pixels_of_images_matter(model: Model) -> None:
    async def first(*pictures: Any) -> dict[str, float]:
        top = (await model.ask(question(*pictures, form=Label, temperature=0.0))).tokens[0].top
        return {text: round(chance, 3) for text, chance in top.items()}

    assert await first(LEFT, RIGHT) == await first(LEFT, RIGHT)
    answers = [await first(*pictures) for pictures in ((LEFT, RIGHT), (RIGHT, LEFT), (LEFT, LEFT), (LEFT,), ())]
    assert all(answer not in answers[:place] for place, answer in enumerate(answers))


async def test_too_few_tokens_end_by_length(model: Model) -> None:
    reply = await model.ask(question(LEFT, max_output_tokens=5))
    assert reply.finish == "length"
    assert reply.usage.output == 5


async def test_many_at_once(model: Model) -> None:
    replies = await asyncio.gather(*(model.ask(question(LEFT, temperature=1.0, seed=seed)) for seed in range(8)))
    assert len({Small.model_validate_json(reply.text).model_dump_json() for reply in replies}) > 1


async def test_the_only_model_need_not_be_named(address: str) -> None:
    async for model in opened(f"compatible:{address}"):
        assert (await model.ask(question(LEFT, form=Label))).served_by == "tiny"


async def test_more_than_the_context_holds(model: Model) -> None:
    with pytest.raises(ProviderError, match=r"HTTP 400: .*exceeds the available context size") as caught:
        await model.ask(question(LEFT, text="?" * 20_000))
    assert not isinstance(caught.value, (Unavailable, RateLimited)), "a retry would not mend it"
    assert caught.value.status == 400


async def test_an_image_that_the_server_cannot_read(model: Model) -> None:
    broken = replace(LEFT, _load=lambda: b"no image at all", size=15, _memory={})
    with pytest.raises(ProviderError, match="HTTP 400") as caught:
        await model.ask(question(broken))
    assert not isinstance(caught.value, Unavailable)


async def test_a_server_that_has_no_eye(files: tuple[Path, Path]) -> None:
    with serving(files[0]) as address:
        async for model in opened(f"compatible:{address}/v1#tiny"):
            with pytest.raises(ProviderError, match="image input is not supported"):
                await model.ask(question(LEFT))
            Label.model_validate_json((await model.ask(question(form=Label))).text)


async def test_a_server_that_has_gone(files: tuple[Path, Path]) -> None:
    with serving(*files) as address:
        pass
    async for model in opened(f"compatible:{address}/v1#tiny"):
        with pytest.raises(Unavailable, match="no answer"):
            await model.ask(question(LEFT))


@pytest.mark.parametrize("edit", [False, True])
@pytest.mark.parametrize("task", ["rate", "compare", "check"])
async def test_the_server_takes_every_schema_of_ours(model: Model, task: Any, edit: bool) -> None:
    asked = question(LEFT, RIGHT, max_output_tokens=40)
    schema = verdict_schema(task, checklist=default_checklist(edit=edit), edit=edit)
    reply = await model.ask(replace(asked, schema_name=task, schema=schema))
    assert reply.text.lstrip().startswith("{")
    assert reply.finish == "length"


def test_a_judged_pair_replays_without_the_server(files: tuple[Path, Path], tmp_path: Path) -> None:
    with serving(*files) as address:
        model: Any = open_model(f"compatible:{address}/v1#tiny")
        settings = Sampling(temperature=1.0, seed=1, max_output_tokens=6000)
        with AutoRater(
            model, tools="none", protocol="autorater-paper", order="both", sampling=settings, log=tmp_path / "run"
        ) as rater:
            judgment = rater.compare(LEFT.data, RIGHT.data, prompt="a cat on a mat")
        run_sync(model.close())
    assert judgment.outcome in ("scored", "tie")
    assert [each.outcome in ("scored", "tie") for each in judgment.passes] == [True, True]
    assert all(each.usage.input > 0 and each.served_by == "tiny" for each in judgment.passes)
    replayed = list(replay(tmp_path / "run"))
    assert [(each.identical, each.recorded.preferred) for each in replayed] == [(True, judgment.preferred)]
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or str(tmp_path).encode() not in path.read_bytes()
