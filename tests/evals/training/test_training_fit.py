"""The fit: gradient reaches what it should, a resumed training equals one that was not interrupted, clear refusals."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_sets import pairs, quick, student, weights

from autorater.errors import AutoRaterError, RecordError, UsageError
from autorater_evals.training.claiming import CHECKPOINTS
from autorater_evals.training.fitting import fit, main
from autorater_evals.training.settings import Settings, make_settings
from autorater_evals.training.student import limit_pixels
from autorater_evals.training.training import Running, train
from autorater_evals.training.watching import clear_errors
from autorater_evals.training.weights import ADAPTER
from autorater_evals.trainset import open_set

torch = pytest.importorskip("torch", reason="the extra training is not installed")


def moved(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_lora_moves_the_linear_layers_of_the_language_model_and_nothing_else(tmp_path: Path) -> None:
    fitted = fit(pairs(), str(student()), tmp_path / "out", quick(method="lora", rank=4), device="cpu")
    changed = moved(weights(student()), weights(tmp_path / "out"))
    linear = {
        name for name in weights(student()) if "language_model.model.layers" in name and name.endswith("proj.weight")
    }
    assert changed == linear
    assert len(linear) == fitted.targets == 14
    # Two layers of q, k, v, o (32 to 32) and gate, up (32 to 64), down (64 to 32), each with A and B of rank 4.
    assert fitted.trained == 2 * 4 * (4 * (32 + 32) + 3 * (32 + 64))
    assert fitted.parameters == fitted.trained + sum(one.numel() for one in weights(student()).values())
    assert (tmp_path / "out" / ADAPTER / "adapter_model.safetensors").is_file()


def test_named_targets_alone_are_adapted(tmp_path: Path) -> None:
    settings = quick(method="lora", targets=("q_proj", "v_proj"), steps=2)
    fit(pairs(), str(student()), tmp_path / "out", settings, device="cpu")
    changed = moved(weights(student()), weights(tmp_path / "out"))
    assert {name.split(".")[-2] for name in changed} == {"q_proj", "v_proj"}
    with pytest.raises(UsageError, match=r"no linear layer of the student is called wq: it has .*q_proj"):
        fit(pairs(), str(student()), tmp_path / "none", quick(method="lora", targets=("wq",)), device="cpu")


def test_all_weights_move_when_asked_to(tmp_path: Path) -> None:
    fitted = fit(pairs(), str(student()), tmp_path / "out", quick(), device="cpu")
    assert fitted.trained == fitted.parameters
    still = weights(student()).keys() - moved(weights(student()), weights(tmp_path / "out"))
    assert all("post_layernorm" in name for name in still)  # LLaVA reads the layer before it
    assert [step for step, _ in fitted.loss] == [1, 2, 3, 4]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_resumed_training_equals_one_that_was_not_interrupted(tmp_path: Path, method: str) -> None:
    settings = quick(method=method, rank=4, save_every=2, dropout=0.1)
    whole = fit(pairs(), str(student()), tmp_path / "whole", settings, device="cpu")
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    # As a crash after the second step leaves it: the later checkpoint, the weights and the result are not there.
    shutil.rmtree(tmp_path / "cut" / CHECKPOINTS / "checkpoint-4")
    (tmp_path / "cut" / "model.safetensors").unlink()
    (tmp_path / "cut" / "fitted.json").unlink()
    resumed = fit(pairs(), str(student()), tmp_path / "cut", settings, device="cpu")
    assert resumed.resumed_at == 2
    assert resumed.loss == whole.loss
    assert moved(weights(tmp_path / "whole"), weights(tmp_path / "cut")) == set()
    again = fit(pairs(), str(student()), tmp_path / "again", settings, device="cpu")
    assert again == whole
    assert moved(weights(tmp_path / "whole"), weights(tmp_path / "again")) == set()
    assert fit(pairs(), str(student()), tmp_path / "cut", settings, device="cpu") == resumed


def test_another_seed_is_another_student(tmp_path: Path) -> None:
    for seed in (0, 1):
        fit(pairs(), str(student()), tmp_path / str(seed), quick(seed=seed, steps=2), device="cpu")
    assert moved(weights(tmp_path / "0"), weights(tmp_path / "1"))


def test_a_folder_belongs_to_one_training(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fit(pairs(), str(student()), out, quick(steps=1), device="cpu")
    with pytest.raises(UsageError, match=r"begun with another steps \(1, now 2\), seed \(0, now 5\): give the same"):
        fit(pairs(), str(student()), out, quick(steps=2, seed=5), device="cpu")
    shutil.copytree(student(), tmp_path / "model")
    with pytest.raises(UsageError, match=r"'model' holds .*config.json.*, of something else: choose another --out"):
        fit(pairs(), str(student()), tmp_path / "model", quick(), device="cpu")


def test_options_that_were_mistaken_are_mended_in_the_same_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="no linear layer of the student is called wq"):
        fit(pairs(), str(student()), out, quick(method="lora", targets=("wq",), steps=1), device="cpu")
    fitted = fit(pairs(), str(student()), out, quick(method="lora", targets=("q_proj",), steps=1), device="cpu")
    assert fitted.targets == 4  # in both layers of both towers


def test_a_full_disk_is_said_and_the_same_command_goes_on(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on files are of Unix")
    settings, out = quick(steps=2, save_every=1), tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # less than the weights take
    try:
        with pytest.raises(RecordError, match=r"cannot write to 'out' .*: make room or choose another --out"):
            fit(pairs(), str(student()), out, settings, device="cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert fit(pairs(), str(student()), out, settings, device="cpu").steps == 2


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "out", tmp_path / "file"):
        with pytest.raises(AutoRaterError, match="choose another"):
            train(pairs(), str(student()), place, quick(steps=1), running=Running("cpu", evaluate=False))


def test_a_set_that_is_empty_or_lacks_an_image_is_refused(tmp_path: Path) -> None:
    for name in ("empty", "missing"):
        shutil.copytree(pairs().folder, tmp_path / name)
    (tmp_path / "empty" / "examples.jsonl").write_text("")
    with pytest.raises(UsageError, match="the set has no example to train on"):
        train(open_set(tmp_path / "empty"), str(student()), tmp_path / "out", quick(steps=1), running=Running("cpu"))
    (tmp_path / "missing" / "images" / f"{next(pairs().examples()).candidates[0]}.png").unlink()
    with pytest.raises(RecordError, match=r"the image .* is not in"):
        fit(open_set(tmp_path / "missing"), str(student()), tmp_path / "out", quick(steps=1), device="cpu")


def test_wrong_students_are_refused(tmp_path: Path) -> None:
    cut = shutil.copytree(student(), tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((student() / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(UsageError, match=r"transformers:cut cannot be opened .*: check the checkpoint"):
        fit(pairs(), str(cut), tmp_path / "out", quick(), device="cpu")
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UsageError, match="is a bert model, which does not answer in text about images"):
        fit(pairs(), str(tmp_path / "bert"), tmp_path / "out", quick(), device="cpu")
    with pytest.raises(UsageError, match=r"expected a model's folder at './nowhere', found none"):
        fit(pairs(), "./nowhere", tmp_path / "out", quick(), device="cpu")
    with pytest.raises(UsageError, match="nothing is downloaded unasked"):
        fit(pairs(), "somebody/some-model", tmp_path / "out", quick(), device="cpu")
    with pytest.raises(UsageError, match=r"no example to train on .split train, with."):
        fit(pairs(), str(student()), tmp_path / "out", quick(variant="with"), device="cpu")


def test_settings_say_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="dtype"):
        make_settings(dtype="int4")
    assert (Settings().rate, Settings(method="full").rate, Settings(rank=8).scale) == (2e-4, 1e-5, 16)


def test_pixels_are_limited_where_the_processor_can() -> None:
    import transformers

    qwen: Any = transformers
    images = qwen.Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 10**7})

    class Processor:
        image_processor = images

    limit_pixels(Processor(), 200_000, name="qwen")
    assert (images.size["shortest_edge"], images.size["longest_edge"]) == (3136, 200_000)
    Processor.image_processor = qwen.CLIPImageProcessor()
    with pytest.raises(UsageError, match="the processor of clip scales every image to one size"):
        limit_pixels(Processor(), 200_000, name="clip")


def test_too_little_memory_names_the_options(tmp_path: Path) -> None:
    for error in (torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory: 7 GB")):
        told = pytest.raises(UsageError, match=r"lower --batch .*--max-pixels.*--rank.*--dtype bfloat16")
        with told, clear_errors("tiny", tmp_path):
            raise error
    with pytest.raises(RuntimeError, match="another"), clear_errors("tiny", tmp_path):
        raise RuntimeError("another")


def test_the_step_alone_says_what_is_wrong_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(pairs().folder), str(student()), str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("fitting: no settings of a training at 'settings.json'")
    (tmp_path / "settings.json").write_text('{"steps": 1, "method": "full", "batch": 2}')
    assert main([str(pairs().folder), "./nowhere", str(tmp_path), "--device", "cpu"]) == 2
    assert "expected a model's folder at './nowhere'" in capsys.readouterr().err
    assert main([str(pairs().folder), str(student()), str(tmp_path), "--device", "cpu"]) == 0
    assert capsys.readouterr().out == '{"steps": 1, "devices": 1}\n'
