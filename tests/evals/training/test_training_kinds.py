"""Students of several architectures: each reads in training what it is sent when served, is trained, and serves."""

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import pytest
from tiny_sets import collate, pairs, quick, weights

from autorater import AutoRater
from autorater.image import open_picture
from autorater.messages import Conversation, Image, Text, Turn
from autorater.model import Question, open_model
from autorater.sync import run_sync
from autorater_evals.training.fitting import fit
from autorater_evals.training.rows import make_dataset, make_rows
from autorater_evals.training.student import open_student

KINDS = ("llava_onevision", "qwen3_vl", "internvl")


@lru_cache
def builders() -> Any:
    """The tiny models of the specialists' tests, which are no package."""
    path = Path(__file__).parents[2] / "tools" / "tiny_lmm.py"
    spec = importlib.util.spec_from_file_location("tiny_lmm_for_training", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Any", module).BUILDERS


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_of_this_kind_trains_and_serves(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / kind
    builders()[kind](folder)
    example, data = next(pairs().examples("train")), pairs()
    parts = tuple(Image(open_picture(data.image(one.image))) if one.image else Text(one.text) for one in example.pieces)
    schema: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    model = open_model(f"transformers:{folder}", device="cpu")
    asked = run_sync(model.ask(Question(Conversation(example.system, (Turn("user", parts),)), "none", schema)))
    opened = open_student(str(folder), quick(), device="cpu")
    rows = make_rows([example], opened.processor, name=kind)
    batch = collate(opened.processor, make_dataset(rows, data, opened.served.capability.fit)[0])
    bearing = batch["labels"][0] != -100
    assert int((~bearing).sum()) == asked.usage.input
    assert opened.processor.tokenizer.decode(batch["input_ids"][0][bearing]) == f"{example.completion}<|im_end|>"

    settings = quick(method="lora", rank=2, steps=2, batch=2, checkpointing=True)
    fit(data, str(folder), tmp_path / "out", settings, device="cpu")
    before, after = weights(folder), weights(tmp_path / "out")
    changed = {name for name in before if not before[name].equal(after[name])}
    assert before.keys() == after.keys()
    assert changed
    assert all("layers" in name and "visual" not in name and "vision" not in name for name in changed)
    with AutoRater(
        f"transformers:{tmp_path / 'out'}", device="cpu", protocol="autorater-paper", tools="none", cache=False
    ) as judge:
        assert judge.loop.model is not None
        assert judge.loop.model.name == "transformers:out"


def test_the_limit_on_pixels_is_served_too(tmp_path: Path) -> None:
    builders()["qwen2_5_vl"](tmp_path / "base")
    settings = quick(method="lora", rank=2, steps=1, max_pixels=1024)
    fit(pairs(), str(tmp_path / "base"), tmp_path / "out", settings, device="cpu")
    import transformers

    served: Any = cast("Any", transformers.AutoProcessor).from_pretrained(tmp_path / "out")
    assert served.image_processor.size["longest_edge"] == 1024
