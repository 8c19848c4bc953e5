"""The loop: stages of one perspective, step by step, saved so that the same command goes on after any end."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor

from autorater.errors import SpecialistError, UsageError
from autorater.progress import progress_bar
from autorater_evals.heads.examples import Example
from autorater_evals.heads.looking import Reader
from autorater_evals.heads.losses import LEVELS, level_loss, level_of, opinion_loss, ranking_loss, truth_loss
from autorater_evals.heads.settings import Settings
from autorater_evals.heads.state import Progress, moments, set_moments, write_progress
from autorater_tools._level_words import next_tokens
from autorater_tools._reward_model import RewardModel

Stage: TypeAlias = Literal["levels", "reward"]
LONGEST_STEP = 1.0
"""The norm that gradients are cut down to."""


@dataclass(frozen=True, slots=True)
class Trainer:
    """A model on its way, and where its states go."""

    model: RewardModel
    settings: Settings
    out: Path

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Paper 003 tunes on level words first; where nothing below the head trains they could change nothing."""
        levels = self.settings.loss == "l1" and self.settings.lora and self.settings.level_epochs > 0
        return ("levels", "reward") if levels else ("reward",)

    def state(self) -> dict[str, Tensor]:
        """Every trained tensor of every perspective."""
        names = [one.name for one in self.model.form.perspectives]
        return {f"{name}/{key}": tensor for name in names for key, tensor in self.model.trained(name).items()}

    def run(
        self, progress: Progress, examples: Sequence[Example], reader: Reader, *, saved: Mapping[str, Tensor]
    ) -> Progress:
        """Train the perspective and the stages that `progress` has not done; gives the progress at their end.

        Raises:
            UsageError: the loss is no number any more.
            RecordError: a state cannot be written.

        """
        self.model.use(self.model.form.perspectives[progress.perspective].name)
        while progress.stage < len(self.stages):
            stage = self.stages[progress.stage]
            progress = self._stage(progress, stage, examples, reader, saved)
            done = progress.model_copy(update={"stage": progress.stage + 1, "step": 0})
            progress = write_progress(self.out, done, self.state())
        return progress

    def _stage(
        self, progress: Progress, stage: Stage, examples: Sequence[Example], reader: Reader, saved: Mapping[str, Tensor]
    ) -> Progress:
        settings, name = self.settings, self.model.used
        epochs = settings.level_epochs if stage == "levels" else settings.epochs
        order = batches(
            len(examples),
            size=settings.batch,
            epochs=epochs,
            seed=(settings.seed, progress.perspective, progress.stage),
        )
        named = what_trains(self.model, stage)
        optimizer = torch.optim.Adam(named.values(), lr=settings.rate)
        if progress.step:
            set_moments(optimizer, saved, named)
        losses = list(progress.losses.get(f"{name}/{stage}", ()))
        with progress_bar(f"{name}: {stage}", total=len(order) - progress.step) as bar:
            for step in range(progress.step, len(order)):
                for group in optimizer.param_groups:
                    group["lr"] = settings.rate * (1 + math.cos(math.pi * step / len(order))) / 2
                some = [examples[place] for place in order[step]]
                losses.append(self._step(some, stage, reader, optimizer, list(named.values())))
                bar.advance()
                if (step + 1) % settings.save_every == 0 and step + 1 < len(order):
                    told = {"step": step + 1, "losses": {**progress.losses, f"{name}/{stage}": tuple(losses)}}
                    names = {id(tensor): key for key, tensor in named.items()}
                    progress = progress.model_copy(update=told)
                    progress = write_progress(self.out, progress, {**self.state(), **moments(optimizer, names)})
        for tensor in named.values():
            tensor.requires_grad_(False)
        return progress.model_copy(update={"losses": {**progress.losses, f"{name}/{stage}": tuple(losses)}})

    def _step(
        self,
        examples: Sequence[Example],
        stage: Stage,
        reader: Reader,
        optimizer: torch.optim.Optimizer,
        trained: Sequence[Tensor],
    ) -> float:
        optimizer.zero_grad()
        loss = self.loss(examples, stage, reader)
        if not torch.isfinite(loss):
            raise UsageError("the loss became infinite or no number: train with a lower --learning-rate")
        cast("Any", loss).backward()
        torch.nn.utils.clip_grad_norm_(trained, LONGEST_STEP)
        optimizer.step()
        return float(loss.detach())

    def _levels(self, answer: str) -> list[int]:
        """The token of each level word behind the answer's beginning."""
        try:
            return next_tokens(self.model.model.tokenizer, answer, LEVELS)
        except SpecialistError as error:
            raise UsageError(
                f"the loss l1 first teaches the base to go on from {answer!r} with one of the words "
                f"{', '.join(LEVELS)}, and its tokenizer does not tell them apart by their first token: take another "
                "base, leave the words out (--level-epochs 0), or train with --loss bt or ce"
            ) from error

    def loss(self, examples: Sequence[Example], stage: Stage, reader: Reader) -> Tensor:
        """The loss of one batch."""
        asked = self.model.form.perspective(self.model.used)
        looks = [look for example in examples for look in example.looks]
        targets = [example.target for example in examples]
        if stage == "levels":
            words = self._levels(asked.answer)
            levels = [words[level_of(target, low=asked.low, high=asked.high)] for target in targets]
            return level_loss(self.model.next_words(reader.read(looks)), levels)
        rewards = reader.rewards(looks)
        if self.settings.loss in ("bt", "gpm"):
            return ranking_loss(rewards[0::2], rewards[1::2], temperature=self.model.form.temperature)
        wanted = torch.tensor(targets, device=rewards.device)
        if self.settings.loss == "ce":
            return truth_loss(rewards, wanted)
        return opinion_loss(rewards, (wanted - asked.low) / (asked.high - asked.low))


def what_trains(model: RewardModel, stage: Stage) -> dict[str, Tensor]:
    """The tensors of the perspective in use that this stage trains, by name; they and no others want gradients.

    Paper 002 ("Training Details"): head, projector and the language network's LoRA. Paper 003 (section 4.2): the
    projector on level words, then the head and the LoRA of both networks on scores.
    """
    parts = {"levels": ("projector/",), "reward": ("head/", "lora/")}[stage]
    if model.form.loss != "l1":
        parts = ("head/", "lora/", "projector/")
    every = model.trained(model.used)
    found = {name: tensor for name, tensor in every.items() if name.startswith(parts)}
    for name, tensor in every.items():
        tensor.requires_grad_(name in found)
    return found


def batches(count: int, *, size: int, epochs: int, seed: tuple[int, ...]) -> list[list[int]]:
    """The places of each step's examples: every epoch in an order of its own, which the seed alone decides."""
    found: list[list[int]] = []
    for epoch in range(epochs):
        order: list[int] = np.random.default_rng([*seed, epoch]).permutation(count).tolist()
        found += [order[start : start + size] for start in range(0, count, size)]
    return found
