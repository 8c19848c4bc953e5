"""The agent from end to end on a real llama.cpp server: it calls, sees what was found, judges, and is replayed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from agents import CARDS
from fakes import card
from llama_serving import serving
from local_questions import noise

from autorater.events import Asked, Drawn
from autorater.judge import begin, make_loop
from autorater.judgment import Judgment
from autorater.ledger import Ledger
from autorater.model import Sampling, open_model
from autorater.replay import replay
from autorater.request import Request
from autorater.runlog import RunLog
from autorater.selection import Selection
from autorater.settings import AgentLimits, Settings
from autorater.sync import run_sync
from autorater.toolbox import Toolbox

pytest.importorskip("openai", reason="the extra openai is not installed")
pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
OFFERED = {"width": CARDS["width"], "marking": card("marking", entry="agents:Finding")}
"""Neither is asked what to look for: a random model ends no text of its own accord."""
REQUEST = Request("a red fox in snow", (noise(1), noise(2)), (), "compare")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("gguf", reason="the writer of llama.cpp's files is not installed")
    from tiny_gguf import build_gguf

    with serving(*build_gguf(tmp_path_factory.mktemp("gguf"), calls=True)) as found:
        yield found


def judged(address: str, folder: Path, seed: int, *, native: bool) -> Judgment:
    """One pair, judged by the agent into the log in `folder`."""
    model: Any = open_model(f"compatible:{address}/v1#tiny", native_tools=native)
    settings = Settings(
        selection=Selection("agent"),
        agent=AgentLimits(steps=2),
        order="given",
        protocol="autorater-paper",
        sampling=Sampling(temperature=1.0, seed=seed, max_output_tokens=900),
    )
    with closing(RunLog(folder, write=True)) as log, closing(Toolbox(OFFERED)) as toolbox:
        loop = make_loop(
            settings,
            model=model,
            scorer=None,
            criterion="overall",
            ledger=Ledger(log=log),
            cards=toolbox.ready(),
            toolbox=toolbox,
            tool_settings=toolbox.settings,
            version="test",
        )
        begin(log, loop.settings, loop.cards, loop.version)
        judgment = run_sync(loop(REQUEST))
    run_sync(model.close())
    return judgment


@pytest.mark.parametrize("native", [True, False], ids=["native", "in words"])
def test_it_calls_sees_judges_and_is_replayed(address: str, native: bool, tmp_path: Path) -> None:
    for seed in range(30):  # what a random model calls is a matter of luck
        folder = tmp_path / str(seed)
        judgment = judged(address, folder, seed, native=native)
        with closing(RunLog(folder)) as log:
            events = list(log.events())
        drawn = [event.picture for event in events if isinstance(event, Drawn) and event.picture]
        if drawn:
            break
    else:
        raise AssertionError("no seed of thirty led to a finding that is drawn")
    asked = [event for event in events if isinstance(event, Asked)]
    seen = [drawn[0].sha256 in str(event.request["turns"]) for event in asked]
    assert seen[0] is False
    assert any(seen), "what was drawn is shown to the agent or to the judge"
    assert bool(asked[0].reply and asked[0].reply.calls) is native
    assert judgment.outcome in ("scored", "tie")
    assert [(item.identical, item.judgment) for item in replay(folder)] == [(True, judgment)]
