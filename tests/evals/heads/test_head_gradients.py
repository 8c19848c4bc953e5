"""Gradient reaches what should train and nothing else; perspectives share one base and do not disturb each other."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from autorater_evals.heads.data import read_data
from autorater_evals.heads.examples import Example
from autorater_evals.heads.forming import make_form
from autorater_evals.heads.looking import Reader
from autorater_evals.heads.planted import plant_opinions, plant_pairs
from autorater_evals.heads.running import train_heads
from autorater_evals.heads.settings import Settings
from autorater_evals.heads.state import Progress
from autorater_evals.heads.training import Stage, Trainer, batches, what_trains
from autorater_tools._reward_model import RewardModel


def prepare(folder: Path, base: Path, **given: Any) -> tuple[Trainer, list[Example]]:
    """A trainer on planted labels, untrained."""
    settings = Settings.model_validate({"loss": "bt", "rank": 2, "alpha": 4, "rate": 0.01, "batch": 4, **given})
    make = plant_opinions if settings.loss == "l1" else plant_pairs
    data = make(folder / "data", 12) if not (folder / "data").exists() else folder / "data" / "items.jsonl"
    found = read_data(str(data), folder=None, settings=settings)
    labelled = {dimension: found.labelled(dimension, settings) for dimension in settings.dimensions}
    form = make_form(found, str(base), settings, labelled)
    model = RewardModel(base, form, device="cpu")
    return Trainer(model, settings, folder / "out"), list(labelled[settings.dimensions[0]][0].examples)


def everything(model: RewardModel) -> dict[str, Tensor]:
    """Every tensor that could take a gradient: the network's, and the heads' and projectors' of all perspectives."""
    found: dict[str, Tensor] = dict(model.network.named_parameters())
    for one in model.form.perspectives:
        found |= {f"{one.name}/{name}": tensor for name, tensor in model.trained(one.name).items()}
    return found


TRAINED: list[tuple[str, bool, Stage, set[str]]] = [
    ("bt", True, "reward", {"head", "lora", "projector"}),
    ("gpm", True, "reward", {"head", "lora", "projector"}),
    ("bt", False, "reward", {"head"}),
    ("l1", True, "levels", {"projector"}),
    ("l1", True, "reward", {"head", "lora"}),
    ("l1", False, "reward", {"head"}),
    ("ce", True, "reward", {"head", "lora", "projector"}),
    ("ce", False, "reward", {"head"}),
    ("gpm", False, "reward", {"head"}),
]


@pytest.mark.parametrize(
    ("loss", "head", "lora", "stage", "parts"),
    [
        (loss, head, lora, stage, parts)
        for loss, lora, stage, parts in TRAINED
        for head in ("linear", "skipca", *(["mlp"] if loss == "l1" else []))
    ],
)
def test_gradient_reaches_what_should_train(
    tmp_path: Path, base: Path, loss: str, head: str, lora: bool, stage: Stage, parts: set[str]
) -> None:
    if loss != "l1":
        plant_pairs(tmp_path / "data", 12, prefer=lambda a, b: dict.fromkeys(("overall", "y"), "a" if a < b else "b"))
    dimensions = ("overall",) if loss == "l1" else ("overall", "y")
    trainer, examples = prepare(tmp_path, base, loss=loss, head=head, lora=lora, dimensions=dimensions)
    model = trainer.model
    wanted = what_trains(model, stage)
    assert {name.partition("/")[0] for name in wanted} == parts
    with torch.no_grad():
        for name, tensor in wanted.items():
            if "lora_B" in name:
                tensor.add_(0.1)  # peft begins them with zeros, through which A gets no gradient
    loss_now: Any = trainer.loss(examples[:5], stage, Reader(model, frozen=not lora))
    loss_now.backward()
    ids = {id(tensor) for tensor in wanted.values()}
    for name, tensor in everything(model).items():
        if id(tensor) not in ids:
            assert not tensor.requires_grad, name
            assert tensor.grad is None, name
    zero = [name for name, tensor in wanted.items() if tensor.grad is None or not tensor.grad.abs().sum()]
    # The last token is all that a linear layer above it reads of its own row; a bias of keys never matters.
    assert not [name for name in zero if name.startswith(("head/", "projector/"))]
    assert all(".vision_tower." in name for name in zero), zero
    layers = {name for name in wanted if name.startswith("lora/")}
    assert any("vision_tower" in name for name in layers) == (loss == "l1" and lora and stage == "reward")


def test_the_base_stays_as_it_was(tmp_path: Path, base: Path) -> None:
    trainer, examples = prepare(tmp_path, base)
    own = {id(tensor) for tensor in trainer.model.trained("overall").values()}
    before = {
        name: tensor.clone() for name, tensor in trainer.model.network.named_parameters() if id(tensor) not in own
    }
    trainer.run(Progress(key=""), examples, Reader(trainer.model, frozen=False), saved={})
    after = dict(trainer.model.network.named_parameters())
    assert before
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_perspectives_are_switched_on_one_base(tmp_path: Path, base: Path) -> None:
    """One likes dark pictures, the other bright ones: each is right about its own."""

    def both(a: float, b: float) -> dict[str, str]:
        return {"alignment": "a" if a < b else "b", "fidelity": "b" if a < b else "a"}

    data = plant_pairs(tmp_path / "data", 60, prefer=both)
    settings = Settings(
        loss="bt", dimensions=("alignment", "fidelity"), rank=2, alpha=4, epochs=3, rate=0.005, held_out=0.3
    )
    result = train_heads(str(data), base=str(base), settings=settings, out=tmp_path / "out")
    for one in result.perspectives:
        assert one.after[0].value is not None
        assert one.after[0].value >= 0.9
    from autorater_tools._reward_model import load_reward_model

    model = load_reward_model(tmp_path / "out", device="cpu")
    sides = [(image, "a thing") for image in (_flat(60), _flat(200))]
    leads: dict[str, float] = {}
    with torch.no_grad():
        for name in ("alignment", "fidelity", "alignment"):
            model.use(name)
            dark, light = map(float, model.rewards(model.read(sides))[:, 0])
            assert leads.setdefault(name, dark - light) == dark - light, "switching back gives the same"
    assert leads["alignment"] > 0 > leads["fidelity"]
    folder = tmp_path / "out" / "head" / "lora"
    assert sorted(path.name for path in folder.iterdir()) == ["alignment", "fidelity"]


def _flat(level: int) -> Any:
    from PIL import Image

    return Image.new("RGB", (16, 16), (level, level, level))


def test_training_one_perspective_leaves_the_other(tmp_path: Path, base: Path) -> None:
    plant_pairs(tmp_path / "data", 12, prefer=lambda a, b: dict.fromkeys(("x", "y"), "a" if a < b else "b"))
    trainer, examples = prepare(tmp_path, base, dimensions=("x", "y"))
    before = {name: tensor.detach().clone() for name, tensor in trainer.model.trained("y").items()}
    trainer.run(Progress(key=""), examples, Reader(trainer.model, frozen=False), saved={})
    for name, tensor in trainer.model.trained("y").items():
        assert torch.equal(before[name], tensor), name
    changed = trainer.model.trained("x")
    assert not any(torch.equal(before[name], tensor) for name, tensor in changed.items() if "lora_B" in name)


def test_every_epoch_has_every_example_once_in_an_order_of_its_own() -> None:
    order = batches(10, size=4, epochs=2, seed=(0, 0, 0))
    assert [len(some) for some in order] == [4, 4, 2, 4, 4, 2]
    first, second = ([place for some in epoch for place in some] for epoch in (order[:3], order[3:]))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert list(range(10)) not in (first, second), "data sorted by their label are trained on in another order"
    assert order == batches(10, size=4, epochs=2, seed=(0, 0, 0))
