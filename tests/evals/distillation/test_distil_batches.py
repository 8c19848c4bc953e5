"""A distillation by a provider's batch API: the same set as by single calls, in a few batches."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer
from command import run as cli_run
from scripted import fill
from teaching import WORDS, pairs, write_rows

from autorater import cli
from autorater.canonical import digest_of
from autorater.outbox_record import NAME
from autorater_evals.distillation import check

ITEMS = 6


def taught(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Believes the label; of a rationale what its last word says, and else the first image."""
    text, told = json.dumps(body["input"][-1]), fill(body["text"]["format"]["schema"])
    told["preference"] = "image_2" if "Image 2 is the better one" in text or ": image_2" in text else "image_1"
    if "rationale" in told:
        words = random.Random(digest_of(body)).choices(WORDS, k=15)
        told["rationale"] = f"{' '.join(words)}: {told['preference']}"
    part = {"type": "output_text", "text": json.dumps(told)}
    message = {"type": "message", "role": "assistant", "content": [part]}
    usage = {"input_tokens": 1000, "output_tokens": 100}
    return 200, {"id": "r", "status": "completed", "model": "gpt", "output": [message], "usage": usage}


def test_a_set_by_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autorater_evals.distillation.command import app

    if "distill" not in {group.name for group in cli.app.registered_groups}:
        cli.app.add_typer(app, name="distill")
    monkeypatch.setenv("OPENAI_API_KEY", "dummy")
    data = write_rows(tmp_path / "data", pairs(ITEMS), pictures=2 * ITEMS)
    with BatchServer(taught, looks=0) as server:
        words = ["distill", str(data), "--teacher", "openai:gpt-6.1-terra", "--out", str(tmp_path / "set")]
        more = ["--tools", "none", "--without", "classifier", "--without", "near-duplicate", "--json"]
        done = cli_run(*words, *more, "--batch-api", "--batch-wait", "0.2", "--base-url", f"{server.url}/v1")
        assert done.status == 0, done.err
        # First both orders and the answer without the label, then the readers of both rationales.
        assert server.sent == [3 * ITEMS, 2 * ITEMS]
        card = json.loads(done.out)["card"]
        assert card["examples"]["by_variant"] == {"free": ITEMS}
        price = 5 * ITEMS * (1000 * 1 + 100 * 5) / 1e6 / 2  # half of $1 and $5 per million tokens
        assert card["teacher"]["cost"] == pytest.approx(price)
        sent = len(server.sent)
        again = cli_run(*words, *more, "--base-url", f"{server.url}/v1")  # nothing is left to ask
        assert again.status == 0, again.err
        assert len(server.sent) == sent
    assert "questions sent to openai:gpt-6.1-terra at half price" in done.err
    assert (tmp_path / "set" / "log" / NAME).exists()
    assert check(tmp_path / "set").differing == ()
