"""Run a TensorFlow.js graph model in torch: `model.json` with its topology, and the binary file with its weights.

Written from the format (tensorflow/tfjs-converter) and TensorFlow's definitions of the operations. It knows the
operations that small convolutional detectors use, and says which one it does not know.
"""

import json
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autorater.errors import SpecialistError
from autorater_tools._tfjs_operations import OPERATIONS, Attributes

_TYPES = {"float32": np.float32, "int32": np.int32, "bool": np.bool_, "float16": np.float16}


class TfjsGraph:
    """The graph of a model, with float32 weights; what depends on constants only is computed once."""

    def __init__(self, path: Path) -> None:
        try:
            told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            self.nodes: dict[str, dict[str, Any]] = {node["name"]: node for node in told["modelTopology"]["node"]}
            self.constants: dict[str, list[Tensor]] = {
                name: [value] for name, value in _weights(told["weightsManifest"], path.parent).items()
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SpecialistError(
                f"{path.name} and its weights are no TensorFlow.js model that can be read ({error!r:.200}): "
                "fetch them again with `autorater tools pull`"
            ) from error
        self.orders: dict[tuple[str, ...], list[str]] = {}

    @torch.inference_mode()
    def __call__(self, given: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """The values of the nodes named by `outputs`, from values of the input nodes; nothing else is computed."""
        wanted = tuple(outputs)
        if wanted not in self.orders:
            self.orders[wanted] = self._order(wanted, set(given))
            self._fold(self.orders[wanted], set(given))
        known = {**self.constants, **{name: [value] for name, value in given.items()}}
        for name in self.orders[wanted]:
            if name not in known:
                known[name] = self._value(name, known)
        return [known[name][0] for name in wanted]

    def _order(self, outputs: Sequence[str], given: set[str]) -> list[str]:
        """The nodes that the outputs need, each after its inputs."""
        order: list[str] = []
        seen = set(given)
        waiting = [(name, False) for name in reversed(outputs)]
        while waiting:
            name, entered = waiting.pop()
            if entered:
                order.append(name)
            elif name not in seen:
                seen.add(name)
                waiting.append((name, True))
                waiting += [(source, False) for source, _ in self._inputs(name)]
        return order

    def _fold(self, order: Sequence[str], given: set[str]) -> None:
        """Compute what hangs on constants only, and keep it."""
        varying = set(given)
        for name in order:
            if any(source in varying for source, _ in self._inputs(name)):
                varying.add(name)
            elif name not in self.constants:
                self.constants[name] = self._value(name, self.constants)

    def _inputs(self, name: str) -> list[tuple[str, int]]:
        """The nodes that a node reads, each with the number of its output."""
        if name not in self.nodes:
            raise SpecialistError(f"the graph has no node {name!r}")
        if name in self.constants:
            return []
        found: list[tuple[str, int]] = []
        for source in self.nodes[name].get("input", []):
            node, _, output = source.partition(":")
            if not source.startswith("^"):
                found.append((node, int(output or 0)))
        return found

    def _value(self, name: str, known: Mapping[str, list[Tensor]]) -> list[Tensor]:
        node = self.nodes[name]
        if node["op"] not in OPERATIONS:
            raise SpecialistError(f"{name}: the operation {node['op']!r} is not known here")
        inputs = [known[source][output] for source, output in self._inputs(name)]
        return OPERATIONS[node["op"]](Attributes(node.get("attr", {})), inputs)


def _weights(manifest: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, Tensor]:
    """The tensors of the weight files by name; half-precision ones become float32."""
    found: dict[str, Tensor] = {}
    for group in manifest:
        data = b"".join((folder / file).read_bytes() for file in group["paths"])
        place = 0
        for told in group["weights"]:
            stored = np.dtype(_TYPES[told.get("quantization", {}).get("dtype", told["dtype"])])
            count = prod(told["shape"])
            values = np.frombuffer(data, stored, count, place).astype(_TYPES[told["dtype"]])
            found[told["name"]] = torch.tensor(values.reshape(told["shape"]))
            place += count * stored.itemsize
        if place != len(data):
            raise ValueError(f"{group['paths']} has {len(data)} bytes, its manifest describes {place}")
    return found
