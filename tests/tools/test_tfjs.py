"""The TensorFlow.js executor: each operation against its definition written out, and damaged files."""

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_coco import Graph, build, numbers, same, text

from autorater.errors import SpecialistError
from autorater_tools._tfjs import TfjsGraph

Array = NDArray[Any]
RANDOM = np.random.default_rng(0)


def ran(folder: Path, graph: Graph, given: Array, output: str = "y") -> Array:
    graph.node("x", "Placeholder")
    graph.save(folder, "graph")
    return TfjsGraph(folder / "graph.json")({"x": torch.tensor(given)}, [output])[0].numpy()


def half(*shape: int) -> Array:
    """Random numbers that a half-precision file holds exactly."""
    return RANDOM.normal(size=shape).astype(np.float16).astype(np.float32)


def convolved(x: Array, kernel: Array, stride: int, *, dilation: int = 1, valid: bool = False) -> Array:
    """TensorFlow's definition, one output at a time; `kernel` (h, w, inputs, outputs)."""
    size = [(side - 1) * dilation + 1 for side in kernel.shape[:2]]
    if valid:
        across = [(x.shape[axis + 1] - size[axis]) // stride + 1 for axis in (0, 1)]
        before = [0, 0]
    else:
        across = [ceil(x.shape[axis + 1] / stride) for axis in (0, 1)]
        total = [max(0, (across[axis] - 1) * stride + size[axis] - x.shape[axis + 1]) for axis in (0, 1)]
        before = [amount // 2 for amount in total]
    y = np.zeros((1, *across, kernel.shape[3]))
    for row, column in np.ndindex(*across):
        for i, j in np.ndindex(*kernel.shape[:2]):
            a, b = row * stride - before[0] + i * dilation, column * stride - before[1] + j * dilation
            if 0 <= a < x.shape[1] and 0 <= b < x.shape[2]:
                y[0, row, column] += x[0, a, b] @ kernel[i, j]
    return y


@pytest.mark.parametrize(("stride", "dilation", "valid"), [(1, 1, False), (2, 1, False), (1, 2, False), (2, 1, True)])
def test_convolution(tmp_path: Path, stride: int, dilation: int, valid: bool) -> None:
    x, kernel = half(1, 7, 8, 3), half(3, 3, 3, 5)
    graph = Graph()
    padding = {"padding": text("VALID" if valid else "SAME"), "dilations": numbers(1, dilation, dilation, 1)}
    weights = graph.constant("k", kernel, "float32")
    graph.node("y", "Conv2D", "x", weights, strides=numbers(1, stride, stride, 1), **padding)
    expected = convolved(x, kernel, stride, dilation=dilation, valid=valid)
    np.testing.assert_allclose(ran(tmp_path, graph, x), expected, atol=1e-5)


def test_depthwise_convolution_with_what_is_fused_to_it(tmp_path: Path) -> None:
    x, kernel, bias = half(1, 6, 6, 4), half(3, 3, 4, 1), half(4)
    graph = Graph()
    parts = ("x", graph.constant("k", kernel, "float32"), graph.constant("b", bias, "float32"))
    fused = {"list": {"s": [text("BiasAdd")["s"], text("Relu")["s"]]}}
    graph.node("y", "FusedDepthwiseConv2dNative", *parts, strides=numbers(1, 2, 2, 1), fused_ops=fused, **same())
    channels = [convolved(x[..., [c]], kernel[:, :, [c]], 2) for c in range(4)]
    expected = np.maximum(np.concatenate(channels, axis=3) + bias, 0)
    np.testing.assert_allclose(ran(tmp_path, graph, x), expected, atol=1e-5)


@pytest.mark.parametrize("centres", [True, False])
def test_bilinear_resizing(tmp_path: Path, centres: bool) -> None:
    x = half(1, 3, 4, 2)
    graph = Graph()
    graph.node("y", "ResizeBilinear", "x", graph.constant("s", [6, 10]), half_pixel_centers={"b": centres})
    expected = np.zeros((1, 6, 10, 2))
    for row, column in np.ndindex(6, 10):
        places = [((place + 0.5) * old / new - 0.5) if centres else place * old / new
                  for place, old, new in ((row, 3, 6), (column, 4, 10))]  # fmt: skip
        places = [min(max(place, 0), side - 1) for place, side in zip(places, (3, 4), strict=True)]
        for i, j in np.ndindex(3, 4):
            weight = max(0, 1 - abs(places[0] - i)) * max(0, 1 - abs(places[1] - j))
            expected[0, row, column] += weight * x[0, i, j]
    np.testing.assert_allclose(ran(tmp_path, graph, x), expected, atol=1e-6)


def test_pooling_padding_and_scattering(tmp_path: Path) -> None:
    x = -np.abs(half(1, 4, 4, 1))  # all below 0, so that a border of zeros would win
    graph = Graph()
    graph.node("y", "MaxPool", "x", ksize=numbers(1, 3, 3, 1), strides=numbers(1, 2, 2, 1), padding=text("SAME"))
    expected = [[x[0, a : a + 3, b : b + 3].max() for b in (0, 2)] for a in (0, 2)]
    np.testing.assert_array_equal(ran(tmp_path, graph, x)[0, ..., 0], expected)

    graph = Graph()
    border = graph.constant("border", [[0, 0], [1, 0], [0, 2], [0, 0]])
    graph.node("y", "PadV2", "x", border, graph.constant("fill", -9.0, "float32"))
    np.testing.assert_array_equal(
        ran(tmp_path, graph, x), np.pad(x, [(0, 0), (1, 0), (0, 2), (0, 0)], constant_values=-9)
    )

    graph = Graph()
    given = [("places", [[1], [3]]), ("shape", [4]), ("values", [5, 7]), ("default", 1)]
    graph.node("dense", "SparseToDense", *(graph.constant(name, value) for name, value in given))
    graph.node("y", "Add", "x", "dense")
    np.testing.assert_array_equal(ran(tmp_path, graph, np.zeros(4, np.int32)), [1, 5, 1, 7])


def test_only_what_is_asked_for_is_computed_and_what_is_unknown_is_named(tmp_path: Path) -> None:
    graph = Graph()
    graph.node("strange", "TopKV2", "x")
    graph.node("y", "Relu", "x")
    np.testing.assert_array_equal(ran(tmp_path, graph, np.array([-1.0, 2.0], np.float32)), [0, 2])
    with pytest.raises(SpecialistError, match="strange: the operation 'TopKV2' is not known here"):
        ran(tmp_path, graph, np.zeros(1, np.float32), "strange")
    with pytest.raises(SpecialistError, match="the graph has no node 'nowhere'"):
        ran(tmp_path, graph, np.zeros(1, np.float32), "nowhere")


def test_damaged_files_say_what_to_do(tmp_path: Path) -> None:
    build(tmp_path)
    weights = tmp_path / "nanodet.bin"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(SpecialistError, match="fetch them again with `autorater tools pull`"):
        TfjsGraph(tmp_path / "nanodet.json")
    weights.unlink()
    with pytest.raises(SpecialistError, match="fetch them again"):
        TfjsGraph(tmp_path / "nanodet.json")
    (tmp_path / "centernet.json").write_text("{", encoding="utf-8")
    with pytest.raises(SpecialistError, match=r"no TensorFlow\.js model that can be read"):
        TfjsGraph(tmp_path / "centernet.json")
