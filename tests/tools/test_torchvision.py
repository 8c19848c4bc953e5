"""torchvision can be imported beside any torch, in a process of its own: what one test declares would hide the rest."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

if find_spec("torchvision") is None:
    pytest.skip("torchvision is not installed", allow_module_level=True)
PROGRAM = """
import warnings
warnings.simplefilter("error")
from autorater.vision_ops import allow_torchvision
allow_torchvision()
allow_torchvision()
import torch
from torchvision.transforms.v2 import functional
assert functional.resize(torch.zeros(3, 8, 8), [4, 6]).shape == (3, 4, 6)
allow_torchvision()
"""


def test_torchvision_works_once_it_is_allowed() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
