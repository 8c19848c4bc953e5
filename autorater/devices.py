"""Whether a device can be used: asked once, before anything is loaded on it."""

import re
from importlib.util import find_spec

from autorater.errors import UsageError

_KNOWN = re.compile(r"cpu|mps|cuda(:\d+)?")


def best_device() -> str:
    """The fastest torch device that is here: cuda, mps or cpu."""
    import torch

    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(device: str) -> None:
    """Raise UsageError unless `device` is the name of a torch device that is here: cpu, mps, cuda or cuda:1."""
    if not _KNOWN.fullmatch(device):
        raise UsageError(f"expected a device as cpu, cuda, cuda:1 or mps, got {device!r} (--device)")
    if device == "cpu":
        return
    if find_spec("torch") is None:
        raise UsageError(f"{device} needs PyTorch, which is not installed: use --device cpu")
    import torch

    number = int(device.partition(":")[2] or 0)
    there = torch.backends.mps.is_available() if device == "mps" else number < torch.cuda.device_count()
    if not there:
        raise UsageError(f"this machine, or its PyTorch, has no {device}: use --device cpu")
