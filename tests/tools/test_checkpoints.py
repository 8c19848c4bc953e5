"""Loading checkpoints and batches that fit: whatever goes wrong is one clear line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from autorater.errors import SpecialistError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from autorater_tools._checkpoints import in_batches, load_model, load_pretrained, precision  # noqa: E402


def full_beyond(limit: int, sizes: list[int]) -> Any:
    """A network on a GPU that holds at most `limit` items at once."""

    def run(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        if len(items) > limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return [item * 10 for item in items]

    return run


def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_done_twice() -> None:
    sizes: list[int] = []
    assert in_batches(range(11), full_beyond(3, sizes), size=8) == [item * 10 for item in range(11)]
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1]


def test_one_image_that_does_not_fit_is_a_typed_error() -> None:
    with pytest.raises(SpecialistError, match="not enough free memory for one image: close what else uses it"):
        in_batches([1, 2], full_beyond(0, []))


def test_other_errors_are_not_swallowed() -> None:
    def run(items: Sequence[int]) -> list[int]:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        in_batches([1], run)


def test_precision() -> None:
    assert precision("cpu") is torch.float32
    assert precision("cuda:1") is torch.float16


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint, as transformers saves it."""
    folder = tmp_path_factory.mktemp("bert")
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    transformers.BertModel(config).save_pretrained(str(folder))
    return folder


def test_a_checkpoint_is_loaded_to_infer(bert: Path) -> None:
    model = load_model(transformers.BertModel, bert, device="cpu")
    assert not model.training
    assert model.dtype == torch.float32


def test_weights_that_are_missing_are_never_drawn_at_random(bert: Path, tmp_path: Path) -> None:
    files: Any = pytest.importorskip("safetensors.torch")
    folder = tmp_path / "partial"
    folder.mkdir()
    (folder / "config.json").write_bytes((bert / "config.json").read_bytes())
    state = files.load_file(bert / "model.safetensors")
    del state["embeddings.word_embeddings.weight"]
    files.save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SpecialistError, match=r"'partial' lacks 1 weights \(embeddings.word_embeddings.weight, …\)"):
        load_model(transformers.BertModel, folder, device="cpu")


@pytest.mark.parametrize("damage", ["truncated", "not json", "absent", "pickle"])
def test_a_damaged_checkpoint_is_named_with_the_fix(bert: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    weights, config = (bert / "model.safetensors").read_bytes(), (bert / "config.json").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:100] if damage == "truncated" else weights)
    (folder / "config.json").write_bytes(b"{" if damage == "not json" else config)
    if damage in ("absent", "pickle"):
        (folder / "model.safetensors").unlink()
    if damage == "pickle":
        torch.save(transformers.BertModel.from_pretrained(str(bert)).state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(SpecialistError, match=r"'damaged' is no checkpoint .* fetch it again .* --repin"):
        load_model(transformers.BertModel, folder, device="cpu")


def test_code_of_a_checkpoint_is_never_run(bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "coded"
    folder.mkdir()
    told = '{"model_type": "never_heard_of", "auto_map": {"AutoModel": "evil.Model"}}'
    (folder / "config.json").write_text(told, encoding="utf-8")
    (folder / "evil.py").write_text("raise SystemExit('ran')", encoding="utf-8")
    with pytest.raises(SpecialistError, match="is no checkpoint"):
        load_pretrained(transformers.AutoModel, folder)
