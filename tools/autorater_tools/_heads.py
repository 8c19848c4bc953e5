"""The small networks that turn what a large one saw into a score."""

from collections.abc import Sequence

from torch import nn

from autorater.errors import SpecialistError
from autorater_tools._tensors import State, demand, fill


def dense(state: State, names: Sequence[str], *, width: int, source: str, rectified: bool = False) -> nn.Sequential:
    """Linear layers one after the other, with the tensors `<name>.weight` and `<name>.bias` of `state`, in float32.

    Shape (…, `width`) → (…, outputs of the last layer). `rectified` puts a ReLU between two layers. Dropout, which the
    authors have there too, does nothing once a network is trained.

    Raises:
        SpecialistError: a tensor is missing or left over, or the layers do not fit onto each other; names `source`.

    """
    wanted = [f"{name}.{part}" for name in names for part in ("weight", "bias")]
    demand([name for name in wanted if name not in state], [name for name in state if name not in wanted], source)
    layers: list[nn.Module] = []
    renamed = dict(state)
    for name in names:
        outputs, inputs = state[f"{name}.weight"].shape
        if inputs != width:
            raise SpecialistError(f"{source} is of another model: {name} takes {inputs} numbers, expected {width}")
        if layers and rectified:
            layers.append(nn.ReLU())
        for part in ("weight", "bias"):
            renamed[f"{len(layers)}.{part}"] = renamed.pop(f"{name}.{part}")
        layers.append(nn.Linear(inputs, outputs))
        width = outputs
    head = nn.Sequential(*layers)
    fill(head, renamed, source=source)
    return head.eval()
