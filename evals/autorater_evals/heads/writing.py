"""What lies in the folder of a trained head beside its tensors: the evaluation, and a card for people."""

import os
from contextlib import suppress
from pathlib import Path

from autorater_evals.figure import Figure
from autorater_evals.heads.settings import HeadResult, Losses, PerspectiveResult
from autorater_evals.heads.state import Progress
from autorater_tools._reward_form import BASE_FOLDER

EVALUATION, CARD, SPLIT = "evaluation.json", "card.md", "split.json"


def told(result: PerspectiveResult, *, benchmark: str, loss: str) -> str:
    """One sentence for whoever reads the specialist's numbers."""
    figures = "; ".join(in_words(figure) for figure in result.after[:1]) or "no figure"
    return (
        f"On {result.held_out:,} examples that it never saw: {figures}. Trained with the loss {loss} on "
        f"{result.trained + result.hard:,} examples of {benchmark} ({result.dimension})."
    )


def in_words(figure: Figure) -> str:
    """A figure with its n and interval."""
    value = "undefined" if figure.value is None else f"{figure.value:.3f}"
    interval = f", 95 % {figure.interval.low:.3f} to {figure.interval.high:.3f}" if figure.interval else ""
    return f"{figure.measure.replace('_', ' ')} {value} (n = {figure.n} of {figure.total}{interval})"


def card_of(result: HeadResult) -> str:
    """The card, in Markdown."""
    settings = result.settings
    kind = f"gpm of {settings.gpm_size} numbers" if settings.loss == "gpm" else settings.loss
    how = f"LoRA of rank {settings.rank} and the projector" if settings.lora else "nothing but the head (frozen)"
    lines = [
        "# A reward head",
        "",
        f"- base: {result.base} (mark {result.base_mark[:12]}…)",
        f"- data: {result.benchmark}, digest {result.data_digest[:12]}…; licence of the data: {result.licence} "
        f"({result.training_note})",
        *(["- **for research only** (`--research`): so is the head"] if result.research else []),
        f"- loss {kind}, head {settings.head}; trained: {how}; {settings.epochs} epochs, rate {settings.rate:g}, "
        f"batch {settings.batch}, seed {settings.seed}",
        f"- {result.components:,} components of prompt, cluster and image; held out whole",
        "",
        "Serve it: `autorater tools pull reward_head --from FOLDER` (or `reward_preference`), FOLDER being this one.",
    ]
    for one in result.perspectives:
        lines += ["", f"## {one.name}", ""]
        lines.append(
            f"{one.trained:,} examples trained on, and {one.hard:,} hard negatives; {one.held_out:,} held out"
            + "".join(f"; {number:,} items left out ({why})" for why, number in one.left_out.items())
            + "."
        )
        lines += ["", "| held-out | figures |", "| --- | --- |"]
        for name, figures in (("before", one.before), ("after", one.after), ("after, on grey images", one.grey)):
            lines.append(f"| {name} | {'; '.join(map(in_words, figures))} |")
    return "\n".join(lines) + "\n"


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
