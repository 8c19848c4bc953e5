"""Stand-ins for DeepFace's default weights: a detector that sees a face everywhere, a recogniser of random tensors."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SCORE, BOX, POINTS = (1.0,), (0.0, 0.0, 3.2, 3.2), (-1.5, -1.0, 1.5, -1.0, 0.0, 0.0, -1.0, 1.5, 1.0, 1.5)
"""YuNet's answers at each place: sureness, box (offset and logarithm of the size), two eyes, nose and mouth."""


def build(folder: Path) -> None:
    """What the default model and detector need."""
    write_yunet(folder / "face_detection_yunet_2023mar.onnx")
    write_facenet(folder / "facenet512_weights.pth")


def write_facenet(path: Path, *, seed: int = 3) -> None:
    """Seeded tensors for the package's own Facenet512."""
    random: Any = torch.random
    network: Any = import_module("deepface.models.facial_recognition.pytorch.Facenet")
    with random.fork_rng():
        random.manual_seed(seed)
        model = network.InceptionResNetV1(dimension=512)
    torch.save(model.state_dict(), path)


def write_yunet(path: Path) -> None:
    """An ONNX graph with YuNet's twelve outputs that do not depend on the picture: sure at the coarsest scale only."""
    nodes: list[bytes] = []
    tensors: list[bytes] = []
    outputs: list[bytes] = []
    for stride in (8, 16, 32):
        sure = SCORE if stride == 32 else (0.0,)
        for name, values in (("cls", sure), ("obj", sure), ("bbox", BOX), ("kps", POINTS)):
            name = f"{name}_{stride}"
            count = len(values)
            tensors += [
                _tensor(f"{name}.w", np.zeros((count, 3, stride, stride), dtype=np.float32)),
                _tensor(f"{name}.b", np.array(values, dtype=np.float32)),
                _tensor(f"{name}.s", np.array((1, -1, count), dtype=np.int64)),
            ]
            steps = [_ints("kernel_shape", (stride, stride)), _ints("strides", (stride, stride))]
            nodes += [
                _node("Conv", ["input", f"{name}.w", f"{name}.b"], f"{name}.c", steps),
                _node("Transpose", [f"{name}.c"], f"{name}.t", [_ints("perm", (0, 2, 3, 1))]),
                _node("Reshape", [f"{name}.t", f"{name}.s"], name, []),
            ]
            outputs.append(_value(name, (1, (640 // stride) ** 2, count)))
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"yunet")
    graph += b"".join(_field(5, tensor) for tensor in tensors) + _field(11, _value("input", (1, 3, 640, 640)))
    graph += b"".join(_field(12, output) for output in outputs)
    path.write_bytes(_number(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, 13)))


def _node(kind: str, inputs: list[str], output: str, attributes: list[bytes]) -> bytes:
    names = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode())
    told = b"".join(_field(5, attribute) for attribute in attributes)
    return names + _field(3, output.encode()) + _field(4, kind.encode()) + told


def _ints(name: str, values: tuple[int, ...]) -> bytes:
    return _field(1, name.encode()) + b"".join(_number(8, value) for value in values) + _number(20, 7)


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    kind = 1 if values.dtype == np.float32 else 7
    dims = b"".join(_number(1, size) for size in values.shape)
    return dims + _number(2, kind) + _field(8, name.encode()) + _field(9, values.tobytes())


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_field(1, _number(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, 1) + _field(2, dims)))


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes in the wire format of protocol buffers."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    """A field of a whole number."""
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
