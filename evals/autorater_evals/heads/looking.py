"""What a reward model reads of examples; kept while nothing below the head changes."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from autorater.errors import UsageError
from autorater.image import open_picture
from autorater_evals.heads.examples import Example, Look
from autorater_tools._qwen import TOO_LONG, too_long
from autorater_tools._reward_model import Read, RewardModel

KEPT = 2**30
"""Bytes of states that are kept; what is more is computed anew each time."""
TOGETHER = 16
"""Images that go through the network at once where no gradient is wanted."""


class Reader:
    """Reads images for the perspective in use.

    `frozen`: the network does not change, so that what was read is kept. `grey`: every image is one grey, of its size.
    """

    def __init__(self, model: RewardModel, *, frozen: bool, grey: bool = False) -> None:
        self.model, self.frozen, self.grey = model, frozen, grey
        self.kept: dict[tuple[str, Look], Read] = {}
        self.bytes = 0

    def rewards(self, looks: Sequence[Look]) -> Tensor:
        """The rewards (looks, numbers)."""
        return self.model.rewards(self.read(looks))

    def read(self, looks: Sequence[Look]) -> list[Read]:
        """What the head reads of each look; gradients flow unless the network is frozen."""
        if not self.frozen:
            return self.model.read([self._side(look) for look in looks])
        asked = self.model.form.perspective(self.model.used).question
        new = [look for look in dict.fromkeys(looks) if (asked, look) not in self.kept]
        with torch.no_grad():
            found = dict(zip(new, self.model.read([self._side(look) for look in new]) if new else [], strict=True))
        for look, read in found.items():
            size = sum(tensor.nbytes for tensor in read)
            if self.bytes + size <= KEPT:
                self.kept[asked, look] = read
                self.bytes += size
        return [found[look] if look in found else self.kept[asked, look] for look in looks]

    def all_rewards(self, examples: Sequence[Example]) -> list[Tensor]:
        """For each example the rewards (images of it, numbers) on the CPU, without gradients."""
        looks = list(dict.fromkeys(look for example in examples for look in example.looks))
        known: dict[Look, Tensor] = {}
        with torch.no_grad():
            for start in range(0, len(looks), TOGETHER):
                some = looks[start : start + TOGETHER]
                known.update(zip(some, self.rewards(some).cpu(), strict=True))
        return [torch.stack([known[look] for look in example.looks]) for example in examples]

    def _side(self, look: Look) -> tuple[Image.Image, str]:
        image = open_picture(look.image, name=look.image.name).rgb()
        if too_long(image):
            raise UsageError(f"{look.image.name}: {TOO_LONG}; take its line out of the data")
        return (Image.new("RGB", image.size, (128, 128, 128)) if self.grey else image), look.prompt
