"""TensorFlow.js graphs of one convolution a level, with the inputs and outputs of the two detectors."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Graph:
    """A graph that is being written: nodes, and the bytes of the weights."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.specs: list[dict[str, Any]] = []
        self.data = b""

    def constant(self, name: str, values: Any, kind: str = "int32") -> str:
        array = np.asarray(values, np.float32 if kind == "float32" else np.int32)
        spec: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": kind}
        if kind == "float32":
            array = array.astype(np.float16)
            spec["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        self.specs.append(spec)
        self.data += array.tobytes()
        self.nodes.append({"name": name, "op": "Const", "attr": {}})
        return name

    def node(self, name: str, kind: str, *inputs: str, **attributes: dict[str, Any]) -> str:
        self.nodes.append({"name": name, "op": kind, "input": list(inputs), "attr": attributes})
        return name

    def convolution(self, name: str, x: str, kernel: Array, stride: int) -> str:
        weights = self.constant(f"{name}/kernel", kernel, "float32")
        return self.node(name, "Conv2D", x, weights, strides=numbers(1, stride, stride, 1), **same())

    def save(self, folder: Path, name: str) -> None:
        (folder / f"{name}.bin").write_bytes(self.data)
        told = {
            "format": "graph-model",
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": [f"{name}.bin"], "weights": self.specs}],
        }
        (folder / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")


def numbers(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


def text(value: str) -> dict[str, Any]:
    return {"s": b64encode(value.encode()).decode()}


def same(padding: str = "SAME") -> dict[str, Any]:
    return {"padding": text(padding), "dilations": numbers(1, 1, 1, 1)}


def build(folder: Path) -> None:
    """Two detectors that see things at random, but the same things each time."""
    random = np.random.default_rng(0)
    graph = Graph()
    graph.node("input_1", "Placeholder")
    x = graph.node("plain", "Transpose", "input_1", graph.constant("order", [0, 2, 3, 1]))
    for level, stride in enumerate((8, 16, 32)):
        ending = f"_{level}" if level else ""
        seen = graph.convolution(f"level{level}", x, random.normal(0, 0.12, (8, 8, 3, 124)), stride)
        sizes, axis = graph.constant(f"sizes{level}", [80, 44]), graph.constant(f"axis{level}", 3)
        parts = graph.node(f"split{level}", "SplitV", seen, sizes, axis)
        shape = graph.constant(f"shape{level}", [1, (416 // stride) ** 2, 80])
        other = graph.constant(f"other{level}", [1, (416 // stride) ** 2, 44])
        less = graph.node(f"less{level}", "Add", parts, graph.constant(f"bias{level}", -5.0, "float32"))
        graph.node(f"Identity{ending}", "Reshape", graph.node(f"score{level}", "Sigmoid", less), shape)
        graph.node(f"Identity_{level + 3}", "Reshape", f"{parts}:1", other)
    graph.save(folder, "nanodet")

    graph = Graph()
    x = graph.node("tower_0/images", "Placeholder")
    seen = graph.convolution("seen", x, random.normal(0, 0.002, (8, 8, 3, 84)), 4)
    parts = graph.node("split", "SplitV", seen, graph.constant("sizes", [80, 4]), graph.constant("axis", 3))
    less = graph.node("less", "Add", parts, graph.constant("bias", -5.0, "float32"))
    graph.node("tower_0/keypoints", "Sigmoid", less)
    reach = graph.node("reach", "Add", f"{parts}:1", graph.constant("far", 40.0, "float32"))
    graph.node("tower_0/wh", "Relu", reach)
    graph.save(folder, "centernet")
