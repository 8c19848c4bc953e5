"""torchvision beside a torch that it was not built for: call `allow_torchvision` before anything that imports it."""

from autorater.vision_ops import allow_torchvision

__all__ = ["allow_torchvision"]
