"""The device that specialists run on is asked for before anything is loaded."""

import pytest

from autorater import AutoRater
from autorater.devices import best_device, check_device
from autorater.errors import UsageError


def test_the_cpu_is_always_there() -> None:
    check_device("cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:one", "", "CPU"])
def test_other_words_are_refused(device: str) -> None:
    with pytest.raises(UsageError, match="expected a device as cpu, cuda, cuda:1 or mps"):
        check_device(device)


def test_what_is_not_here_is_told_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="has no cuda:99: use --device cpu"):
        AutoRater(device="cuda:99")


def test_the_best_device_can_be_used() -> None:
    pytest.importorskip("torch")
    check_device(best_device())
