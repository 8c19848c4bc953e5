"""A training that was broken off goes on to the same end; another one is refused."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import pytest
import torch
from test_head_gradients import prepare

from autorater.errors import RecordError, UsageError
from autorater_evals.heads.examples import Example
from autorater_evals.heads.looking import Reader
from autorater_evals.heads.planted import plant_pairs
from autorater_evals.heads.running import train_heads
from autorater_evals.heads.settings import Settings
from autorater_evals.heads.state import Progress, read_progress
from autorater_tools._tensors import read_tensors


class Ending(Sequence[Example]):
    """Examples of which one too many was asked for."""

    def __init__(self, examples: Sequence[Example], *, asked: int) -> None:
        self.examples, self.left = examples, asked

    def __len__(self) -> int:
        return len(self.examples)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.examples[index]


@pytest.mark.parametrize("loss", ["bt", "l1"])
def test_it_goes_on_where_it_ended(tmp_path: Path, base: Path, loss: str) -> None:
    given: dict[str, Any] = {"loss": loss, "epochs": 3, "level_epochs": 3, "batch": 3, "save_every": 2}
    whole, examples = prepare(tmp_path, base, **given)
    done = whole.run(Progress(key="k"), examples, Reader(whole.model, frozen=False), saved={})
    broken, examples = prepare(tmp_path, base, **given)
    stage = "levels" if loss == "l1" else "reward"
    ending, reader = Ending(examples, asked=11), Reader(broken.model, frozen=False)
    with pytest.raises(KeyboardInterrupt):
        broken.run(Progress(key="k"), ending, reader, saved={})
    there = read_progress(tmp_path / "out", key="k")
    assert (there.step, len(there.losses[f"overall/{stage}"])) == (2, 2)
    again, examples = prepare(tmp_path, base, **given)
    saved = read_tensors(tmp_path / "out" / "log" / there.tensors)
    own = {name.removeprefix("overall/"): one for name, one in saved.items() if name.startswith("overall/")}
    again.model.fill("overall", own, source=there.tensors)
    ended = again.run(there, examples, Reader(again.model, frozen=False), saved=saved)
    assert ended.losses == done.losses
    for name, tensor in whole.state().items():
        assert torch.equal(tensor, again.state()[name]), name
    assert len(list((tmp_path / "out" / "log").iterdir())) == 2, "the states before are gone"


def test_what_is_done_is_told_again_and_another_training_is_refused(tmp_path: Path, base: Path) -> None:
    data = str(plant_pairs(tmp_path / "data", 12))
    out = tmp_path / "out"
    settings = Settings(loss="bt", lora=False, epochs=1)
    result = train_heads(data, base=str(base), settings=settings, out=out)
    written = (out / "head" / "head.safetensors").stat().st_mtime_ns
    assert train_heads(data, base=str(base), settings=settings, out=out) == result
    assert (out / "head" / "head.safetensors").stat().st_mtime_ns == written
    other = settings.model_copy(update={"seed": 1})
    with pytest.raises(UsageError, match="holds a training of other settings"):
        train_heads(data, base=str(base), settings=other, out=out)
    again = train_heads(data, base=str(base), settings=settings, out=tmp_path / "again")
    assert again == result
    same = [(folder / "head" / "head.safetensors").read_bytes() for folder in (out, tmp_path / "again")]
    assert same[0] == same[1]
    (out / "log" / "state.json").write_text("{")
    with pytest.raises(RecordError, match=r"log/state\.json is damaged"):
        train_heads(data, base=str(base), settings=settings, out=out)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, base: Path) -> None:
    data = str(plant_pairs(tmp_path / "data", 12))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "card.md").write_text("a set")
    with pytest.raises(UsageError, match=r"holds card\.md, of something else: choose another --out"):
        train_heads(data, base=str(base), settings=Settings(loss="bt", lora=False), out=tmp_path / "set")
    assert (tmp_path / "set" / "card.md").read_text() == "a set"


def test_the_whole_training_goes_on_from_a_state(tmp_path: Path, base: Path) -> None:
    given: dict[str, Any] = {"loss": "bt", "epochs": 2, "save_every": 2}
    broken, examples = prepare(tmp_path, base, **given)
    data = str(tmp_path / "data" / "items.jsonl")
    whole = train_heads(data, base=str(base), settings=broken.settings, out=tmp_path / "whole")
    key = Progress.model_validate_json((tmp_path / "whole" / "log" / "state.json").read_bytes()).key
    begun = Progress(key=key, before={"overall": whole.perspectives[0].before})
    ending, reader = Ending(examples, asked=9), Reader(broken.model, frozen=False)
    with pytest.raises(KeyboardInterrupt):
        broken.run(begun, ending, reader, saved={})
    assert read_progress(tmp_path / "out", key=key).step == 2
    assert train_heads(data, base=str(base), settings=broken.settings, out=tmp_path / "out") == whole
    for name in ("head.safetensors", "lora/overall/adapter_model.safetensors", "config.json"):
        both = [(tmp_path / out / "head" / name).read_bytes() for out in ("whole", "out")]
        assert both[0] == both[1], name


def test_a_finished_training_whose_evaluation_is_gone_is_evaluated_again(tmp_path: Path, base: Path) -> None:
    data = str(plant_pairs(tmp_path / "data", 12))
    settings = Settings(loss="bt", lora=False, epochs=1)
    result = train_heads(data, base=str(base), settings=settings, out=tmp_path / "out")
    (tmp_path / "out" / "evaluation.json").unlink()
    assert train_heads(data, base=str(base), settings=settings, out=tmp_path / "out") == result


@pytest.mark.parametrize("gone", ["evaluation.json", "head/head.safetensors", "head/config.json"])
def test_what_is_damaged_or_gone_of_a_finished_training_is_made_again(tmp_path: Path, base: Path, gone: str) -> None:
    data = str(plant_pairs(tmp_path / "data", 12))
    settings, out = Settings(loss="bt", lora=False, epochs=1), tmp_path / "out"
    result = train_heads(data, base=str(base), settings=settings, out=out)
    written = (out / gone).read_bytes()
    if gone == "evaluation.json":
        (out / gone).write_bytes(written[:100])
    else:
        (out / gone).unlink()
    assert train_heads(data, base=str(base), settings=settings, out=out) == result
    assert (out / gone).read_bytes() == written


def test_a_damaged_state_is_told_with_what_to_do(tmp_path: Path, base: Path) -> None:
    data = str(plant_pairs(tmp_path / "data", 12))
    settings, out = Settings(loss="bt", lora=False, epochs=1), tmp_path / "out"
    train_heads(data, base=str(base), settings=settings, out=out)
    (out / "evaluation.json").unlink()
    (state,) = (out / "log").glob("state-*.safetensors")
    state.write_bytes(state.read_bytes()[:-4])
    with pytest.raises(RecordError, match=r"log/state-1-0-0\.safetensors is damaged or gone.*: delete .* train again"):
        train_heads(data, base=str(base), settings=settings, out=out)


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on files stands for a full disk")
def test_a_full_disk_is_told_in_one_line(tmp_path: Path, base: Path) -> None:
    """Of safetensors, which has an error of its own for it, as of the system."""
    import resource

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    whole, examples = prepare(tmp_path, base, save_every=1)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(RecordError, match=r"cannot write the state to .* \(File too large\): make room") as raised:
            whole.run(Progress(key="k"), examples, Reader(whole.model, frozen=False), saved={})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(raised.value)
    assert read_progress(tmp_path / "out", key="k") == Progress(key="k"), "nothing half written is taken up"
