"""What a training of reward heads is asked to do, and what came of it."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from autorater.canonical import Record
from autorater_evals.figure import Figure
from autorater_tools._reward_form import MLP_IS_OF_L1, Head, Loss

TEMPERATURE = 0.1
"""Of pairs: T of paper 002, eq. 1, as its authors' scripts have it (sjz5202/LLaVA-Reward, general_preference_tau)."""


OF_L1 = {"head": "mlp", "rank": 8, "epochs": 5, "rate": 1e-5}
"""Paper 003's defaults, where they are others than those of paper 002."""


class Settings(Record):
    """How to train.

    Defaults are the papers': 002 (appendix A) has LoRA of rank 128, a rate of 2e-4, batches of 8 and one epoch; 003
    (section 5.1, table 6) rank 8, 1e-5 with a cosine, Adam, batches of 8, one epoch of levels and five of scores. Twice
    the rank as alpha and 0.1 as temperature stand in both authors' scripts. What differs from those: there is no
    dropout (they have 0.05 in LoRA), no gradients are gathered over several batches (002 over 4, on 4 devices), and
    pictures are prepared as the base's processor does (003 squashes them to 1024 x 1024 first).
    """

    loss: Loss
    head: Head = "skipca"
    """mlp for l1, unless told."""
    dimensions: tuple[str, ...] = Field(default=("overall",), min_length=1)
    """Each becomes a perspective with a head, and an adapter, of its own."""
    gpm_size: int = Field(default=2, ge=2, multiple_of=2)
    temperature: float = Field(default=TEMPERATURE, gt=0)
    """Of bt and gpm."""
    lora: bool = True
    """False: nothing but the heads is trained."""
    rank: int = Field(default=128, ge=1)
    """8 for l1, unless told."""
    alpha: float = Field(default=256.0, gt=0)
    """Twice the rank, unless told."""
    epochs: int = Field(default=1, ge=1)
    """5 for l1, unless told."""
    level_epochs: int = Field(default=1, ge=0)
    """Of l1 with LoRA: passes over the level words before the scores (paper 003)."""
    rate: float = Field(default=2e-4, gt=0)
    """The learning rate at the beginning, which a cosine takes to 0; 1e-5 for l1, unless told."""
    batch: int = Field(default=8, ge=1)
    """Examples, a pair counting one, of a step."""
    held_out: float = Field(default=0.2, gt=0, lt=1)
    """The share of examples, by whole components of prompt and image, that are never trained on."""
    hard_negatives: float = Field(default=0.0, ge=0, lt=1)
    """The share of training examples that are hard negatives, see `hard_negatives`."""
    seed: int = Field(default=0, ge=0)
    save_every: int = Field(default=100, ge=1)
    """Steps between two states that a training goes on from."""

    @model_validator(mode="before")
    @classmethod
    def _by_loss(cls, given: dict[str, Any]) -> dict[str, Any]:
        told = {**(OF_L1 if given.get("loss") == "l1" else {}), **given}
        rank = told.get("rank", 128)
        return {"alpha": 2.0 * rank, **told} if isinstance(rank, int) else told

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if len(set(self.dimensions)) != len(self.dimensions):
            raise ValueError("a perspective is named twice")
        if self.hard_negatives and self.loss == "l1":
            raise ValueError("hard negatives are pairs, and l1 learns from opinions: leave --hard-negatives out")
        if self.head == "mlp" and self.loss != "l1":
            raise ValueError(f"{MLP_IS_OF_L1}, got {self.loss}")
        return self


class Losses(Record):
    """The mean loss of the first and of the last tenth of the steps of one stage; null without steps."""

    stage: Literal["levels", "reward"]
    steps: int
    first: float | None
    last: float | None


class PerspectiveResult(Record):
    """One perspective: how much it learned from and how well it does on what it never saw."""

    name: str
    dimension: str
    trained: int
    hard: int
    """Hard negatives beside those."""
    held_out: int
    seen_by_base: int = 0
    """Held-out examples with a picture or prompt that the base says it was trained on: for it they are not held out."""
    left_out: dict[str, int]
    """Why → how many items gave no example."""
    losses: tuple[Losses, ...]
    before: tuple[Figure, ...]
    """On the held-out examples, the head untrained."""
    after: tuple[Figure, ...]
    grey: tuple[Figure, ...]
    """After, with every image replaced by a grey one: what the text alone gives away."""


class HeadResult(Record):
    """What was trained and on what; `evaluation.json` of the output folder."""

    settings: Settings
    benchmark: str
    data_digest: str
    licence: str
    training_note: str
    """What the data's card says of training on them."""
    research: bool = False
    """Whether the data, and so the head, are for research only."""
    base: str
    base_mark: str
    components: int
    """Groups of items that share a prompt, a cluster or an image; they are held out whole."""
    perspectives: tuple[PerspectiveResult, ...]
