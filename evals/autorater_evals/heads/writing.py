"""What lies in the folder of a trained head beside its tensors: the evaluation, and a card for people."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from autorater_evals.counting import many
from autorater_evals.figure import Figure
from autorater_evals.heads.settings import HeadResult, Losses, PerspectiveResult, Settings
from autorater_evals.heads.state import Progress
from autorater_tools._reward_form import BASE_FOLDER

EVALUATION, CARD, SPLIT = "evaluation.json", "card.md", "split.json"


def told(result: PerspectiveResult, *, benchmark: str, loss: str) -> str:
    """One sentence for whoever reads the specialist's numbers."""
    figures = "; ".join(in_words(figure) for figure in result.after[:1]) or "no figure"
    return (
        f"On {_held_out(result)}: {figures}. Trained with the loss {loss} on "
        f"{many(result.trained + result.hard, 'example')} of {benchmark} ({result.dimension})."
    )


def _held_out(result: PerspectiveResult) -> str:
    if not result.seen_by_base:
        return f"{many(result.held_out, 'example')} that it never saw"
    met = f"its base was trained on pictures or prompts of {result.seen_by_base:,} of them"
    return f"{many(result.held_out, 'example')} that were held out ({met}, so that the figures may be too high)"


def in_words(figure: Figure) -> str:
    """A figure with its n and interval."""
    value = "undefined" if figure.value is None else f"{figure.value:.3f}"
    interval = f", 95 % {figure.interval.low:.3f} to {figure.interval.high:.3f}" if figure.interval else ""
    return f"{figure.measure.replace('_', ' ')} {value} (n = {figure.n} of {figure.total}{interval})"


def card_of(result: HeadResult) -> str:
    """The card, in Markdown."""
    settings = result.settings
    kind = f"gpm of {settings.gpm_size} numbers" if settings.loss == "gpm" else settings.loss
    lines = [
        "# A reward head",
        "",
        f"- base: {result.base} (mark {result.base_mark[:12]}…)",
        f"- data: {result.benchmark}, digest {result.data_digest[:12]}…; licence of the data: {result.licence} "
        f"({result.training_note})",
        *(["- **for research only** (`--research`): so is the head"] if result.research else []),
        f"- loss {kind}, head {settings.head}; trained: {_what_trained(settings)}; "
        f"{many(settings.epochs, 'epoch')}, rate {settings.rate:g}, batch {settings.batch}, seed {settings.seed}",
        f"- {many(result.components, 'component')} of prompt, cluster and image; held out whole",
        "",
        "Serve it: `autorater tools pull reward_head --from FOLDER` (or `reward_preference`), FOLDER being this one.",
    ]
    for one in result.perspectives:
        lines += ["", f"## {one.name}", "", *_of_perspective(one)]
    return "\n".join(lines) + "\n"


def _what_trained(settings: Settings) -> str:
    if not settings.lora:
        return "nothing but the head (frozen)"
    if settings.loss != "l1":
        return f"head, LoRA of rank {settings.rank} and projector"
    levels = f"the projector by {many(settings.level_epochs, 'epoch')} of level words, then " * (
        settings.level_epochs > 0
    )
    return f"{levels}head and LoRA of rank {settings.rank} (language and vision)"


def _of_perspective(one: PerspectiveResult) -> Iterator[str]:
    left_out = "".join(f"; {many(number, 'item')} left out ({why})" for why, number in one.left_out.items())
    trained = f"{many(one.trained, 'example')} trained on, and {many(one.hard, 'hard negative')}"
    yield f"{trained}; {one.held_out:,} held out{left_out}."
    if one.seen_by_base:
        yield ""
        yield (
            f"**The base was trained on pictures or prompts of {one.seen_by_base:,} of the held-out examples**: "
            "the figures may be too high."
        )
    yield from ("", "| held-out | figures |", "| --- | --- |")
    for name, figures in (("before", one.before), ("after", one.after), ("after, on grey images", one.grey)):
        yield f"| {name} | {'; '.join(map(in_words, figures))} |"


def losses_of(progress: Progress, name: str) -> tuple[Losses, ...]:
    """The losses of the stages of one perspective."""
    found: list[Losses] = []
    for stage in ("levels", "reward"):
        if (steps := progress.losses.get(f"{name}/{stage}")) is not None:
            tenth = max(1, len(steps) // 10)
            ends = (sum(steps[:tenth]) / tenth, sum(steps[-tenth:]) / tenth) if steps else (None, None)
            found.append(Losses(stage=stage, steps=len(steps), first=ends[0], last=ends[1]))
    return tuple(found)


def link_base(base: Path, out: Path) -> None:
    """A link to the base, relative, so that `tools pull --from` finds both; left out where links are not allowed."""
    with suppress(OSError, ValueError):
        (out / BASE_FOLDER).unlink(missing_ok=True)
        (out / BASE_FOLDER).symlink_to(os.path.relpath(base.resolve(), out.resolve()), target_is_directory=True)
