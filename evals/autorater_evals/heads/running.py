"""Train reward heads on labelled data, from the data to the folder that is served."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor

from autorater.canonical import digest_of
from autorater.devices import best_device
from autorater_evals.heads.data import Data, SplitTold, read_data
from autorater_evals.heads.evaluating import evaluate
from autorater_evals.heads.forming import Split, find_base, make_form
from autorater_evals.heads.hard_negatives import mine
from autorater_evals.heads.looking import Reader
from autorater_evals.heads.settings import HeadResult, PerspectiveResult, Settings
from autorater_evals.heads.state import Progress, claim, read_progress, read_state, write_progress, writing
from autorater_evals.heads.training import Trainer
from autorater_evals.heads.writing import CARD, EVALUATION, SPLIT, card_of, link_base, losses_of, told
from autorater_evals.seen import read_training, write_training
from autorater_tools._reward_form import CONFIG, HEAD_FOLDER, TENSORS, Perspective
from autorater_tools._reward_model import RewardModel, save_reward_model


def train_heads(
    data: str,
    *,
    base: str,
    settings: Settings,
    out: Path,
    folder: Path | None = None,
    device: str | None = None,
    any_count: bool = False,
    research: bool = False,
) -> HeadResult:
    """Train a head for every dimension, evaluate before and after, write `out`; the same call goes on where it ended.

    `device` is cpu, cuda, cuda:1 or mps, the best there is when None.
    `out` has `head/` (config.json, head.safetensors, trained_on.json, lora/), a link `base`, card.md, evaluation.json,
    split.json, log/.

    Raises:
        UsageError: the data, the settings or what lies in `out` do not fit.
        SpecialistError: the base cannot be used.
        RecordError: `out` cannot be read or written.

    """
    found = read_data(data, folder=folder, settings=settings, any_count=any_count, research=research)
    labelled = {dimension: found.labelled(dimension, settings) for dimension in settings.dimensions}
    form = make_form(found, base, settings, labelled)
    key = digest_of({"settings": settings.model_dump(mode="json"), "data": found.digest, "base": form.base_mark})
    progress = read_progress(out, key=key)
    if progress.perspective == len(form.perspectives) and (done := _finished(out)) is not None:
        return done
    claim(out)
    checkpoint = find_base(base)
    before = read_training(checkpoint)
    model = RewardModel(checkpoint, form, device=device or best_device(), seed=settings.seed)
    saved = _take_up(model, out, progress)
    trainer = Trainer(model, settings, out)
    results: list[PerspectiveResult] = []
    for place, one in enumerate(form.perspectives):
        progress, result = _one(trainer, progress, place, found, labelled[one.dimension], saved)
        met = found.met(labelled[one.dimension][1].examples, before)
        results.append(result.model_copy(update={"seen_by_base": met}))
    result = HeadResult(
        settings=settings,
        benchmark=found.benchmark.name,
        data_digest=found.digest,
        licence=found.benchmark.meta.licence,
        training_note=found.benchmark.meta.training_note,
        research=found.research,
        base=form.base,
        base_mark=form.base_mark,
        components=len(set(found.groups)),
        perspectives=tuple(results),
    )
    trained = [example for train, _ in labelled.values() for example in train.examples]
    with writing("the trained head", out):
        _write(model, checkpoint, out, result, found.split(trained, base=before))
    return result


def _finished(out: Path) -> HeadResult | None:
    """What was told of a head that is there; None where it, or what was told, is gone or damaged: both can be made."""
    if not all((out / HEAD_FOLDER / name).is_file() for name in (CONFIG, TENSORS)):
        return None
    try:
        return HeadResult.model_validate_json((out / EVALUATION).read_bytes())
    except (OSError, ValidationError):
        return None


def _take_up(model: RewardModel, out: Path, progress: Progress) -> dict[str, Tensor]:
    """Put the tensors of a state into the model; gives all that the state holds."""
    if not progress.tensors:
        return {}
    saved = read_state(out, progress)
    for one in model.form.perspectives:
        start = f"{one.name}/"
        own = {name.removeprefix(start): tensor for name, tensor in saved.items() if name.startswith(start)}
        model.fill(one.name, own, source=progress.tensors)
    return {name: tensor for name, tensor in saved.items() if name.startswith("moment/")}


def _one(
    trainer: Trainer, progress: Progress, place: int, data: Data, split: Split, saved: dict[str, Tensor]
) -> tuple[Progress, PerspectiveResult]:
    """Train one perspective, unless that is done, and evaluate it."""
    settings, model = trainer.settings, trainer.model
    train, held = split
    one = model.form.perspectives[place]
    model.use(one.name)
    clusters = data.component_of(held.examples)
    hard = mine(train.examples, share=settings.hard_negatives, seed=settings.seed)
    reader = Reader(model, frozen=not settings.lora)
    if place >= progress.perspective:
        if one.name not in progress.before:
            before = {**progress.before, one.name: evaluate(reader, held.examples, clusters=clusters)}
            progress = progress.model_copy(update={"before": before})
        progress = trainer.run(progress, [*train.examples, *hard], reader, saved=saved)
        progress = progress.model_copy(update={"perspective": place + 1, "stage": 0, "step": 0})
        progress = write_progress(trainer.out, progress, trainer.state())
    return progress, PerspectiveResult(
        name=one.name,
        dimension=one.dimension,
        trained=len(train.examples),
        hard=len(hard),
        held_out=len(held.examples),
        left_out={
            why: train.left_out.get(why, 0) + held.left_out.get(why, 0)
            for why in sorted({*train.left_out, *held.left_out})
        },
        losses=losses_of(progress, one.name),
        before=progress.before[one.name],
        after=evaluate(reader, held.examples, clusters=clusters),
        grey=evaluate(Reader(model, frozen=False, grey=True), held.examples, clusters=clusters),
    )


def _write(model: RewardModel, base: Path, out: Path, result: HeadResult, split: SplitTold) -> None:
    """Write everything that is served and read; the evaluation last, since it says that all is there."""
    known: Sequence[tuple[Perspective, PerspectiveResult]] = list(
        zip(model.form.perspectives, result.perspectives, strict=True)
    )
    perspectives = tuple(
        one.model_copy(update={"told": told(made, benchmark=result.benchmark, loss=result.settings.loss)})
        for one, made in known
    )
    part = out / f"{HEAD_FOLDER}.part"
    shutil.rmtree(part, ignore_errors=True)
    save_reward_model(model, part, model.form.model_copy(update={"perspectives": perspectives}))
    shutil.rmtree(out / HEAD_FOLDER, ignore_errors=True)
    write_training(part, split.trained_on)
    part.replace(out / HEAD_FOLDER)
    link_base(base, out)
    (out / SPLIT).write_text(split.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (out / CARD).write_text(card_of(result), encoding="utf-8")
    (out / EVALUATION).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
