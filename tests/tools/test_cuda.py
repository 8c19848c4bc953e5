"""Every specialist of the tiny checkpoints on a GPU: there it reads what it reads on the CPU, but for the halves."""

import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from asking import cards, small
from tiny_weights import BUILDERS, tiny_weights

from autorater.assessment import Failed, Measured, Outcome
from autorater.toolbox import Specialist, View, checked, narrow

torch: Any = pytest.importorskip("torch")
NEAR = 0.03
"""How far a reading may lie from the CPU's, in units of 1 or of its size where that is more.

In the halves that a GPU would use the scorers that were tried lay within 0.01 on the CPU; a GPU adds its order of sums.
"""
COUNTED = {"grounding_dino": 2.0, "coco_objects": 2.0}
"""Boxes just at the threshold may come and go: so many."""


def made(name: str, folder: Path, device: str) -> Specialist:
    card = cards()[name]
    module, _, entry = card.meta.entry.partition(":")
    return getattr(import_module(module), entry)(device=device, weights=folder, **card.options())


def views(name: str) -> list[View]:
    pairs = (("coffee", "astronaut"), ("astronaut", "chelsea"), ("chelsea", "coffee"))
    whole = [(small(one), small(other)) for one, other in pairs]
    prompt = "a red cat and two dogs"
    return [narrow(cards()[name], View(image=one, prompt=prompt, sources=(two,), rival=two)) for one, two in whole]


def compare(name: str, here: Sequence[Outcome], there: Sequence[Outcome]) -> None:
    """Demand the same kinds of outcome, and readings within the tolerance."""
    units = {quantity.name: quantity.unit for quantity in cards()[name].meta.quantities}
    for one, other in zip(here, there, strict=True):
        assert one.kind == checked(cards()[name], other).kind, other
        assert not isinstance(other, Failed) or name == "edit_score", other  # random weights write no scores
        if isinstance(one, Measured) and isinstance(other, Measured):
            for wanted, found in zip(one.readings, other.readings, strict=True):
                near = COUNTED.get(name, 0.0) if units[wanted.quantity] == "count" else NEAR * max(1, abs(wanted.value))
                assert math.isclose(found.value, wanted.value, rel_tol=0, abs_tol=near), (wanted, found)


def moved(outcome: Outcome) -> Outcome:
    """The same with every reading greater by 1."""
    assert isinstance(outcome, Measured)
    readings = [reading.model_copy(update={"value": reading.value + 1}) for reading in outcome.readings]
    return outcome.model_copy(update={"readings": tuple(readings)})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use (torch.cuda.is_available())")
@pytest.mark.parametrize("name", BUILDERS)
def test_a_gpu_reads_what_the_cpu_reads(name: str) -> None:
    if missing := cards()[name].missing():
        pytest.skip(f"{name} needs packages that are not installed: {', '.join(missing)}")
    folder = tiny_weights(name)
    here, there = (made(name, folder, device)(views(name)) for device in ("cpu", "cuda"))
    compare(name, here, there)


@pytest.mark.parametrize("name", ["pickscore", "laion_aesthetic"])
def test_the_comparison_itself_holds_on_the_cpu(name: str) -> None:
    """So that it is run somewhere where there is no GPU: the same device must agree with itself, other pictures not."""
    if missing := cards()[name].missing():
        pytest.skip(f"{name} needs packages that are not installed: {', '.join(missing)}")
    specialist, asked = made(name, tiny_weights(name), "cpu"), views(name)
    compare(name, specialist(asked), specialist(views(name)))
    shifted = [moved(one) for one in specialist(asked)]
    with pytest.raises(AssertionError):
        compare(name, specialist(asked), shifted)
