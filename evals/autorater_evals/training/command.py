"""`autorater train`: fine-tune a student to judge, evaluate it before and after, and serve it as `transformers:OUT`."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autorater.errors import MissingExtraError, UsageError
from autorater_evals.requirements import require_statistics

if TYPE_CHECKING:
    from autorater_evals.training.settings import Settings
    from autorater_evals.training.training import Running
    from autorater_evals.trainset import TrainSet

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "llguidance")


def train(
    set_folder: Annotated[Path, typer.Argument(metavar="SET", help="A set that `autorater distill` wrote.")],
    student: Annotated[str, typer.Option(help="A vision language model: a name on the hub, or a folder.")],
    out: Annotated[Path, typer.Option(help="Where the student is kept; then judge with transformers:OUT.")],
    lora: Annotated[bool, typer.Option("--lora/--full", help="Train LoRA matrices, or all weights.")] = True,
    rank: Annotated[int, typer.Option(min=1, help="Of the LoRA matrices.")] = 16,
    alpha: Annotated[int | None, typer.Option(min=1, help="LoRA's scale is alpha / rank (default: 2 x rank).")] = None,
    dropout: Annotated[float, typer.Option(min=0, max=0.99, help="Of LoRA's input.")] = 0.05,
    targets: Annotated[
        str, typer.Option(help="Linear layers that LoRA adapts, q_proj,v_proj (default: all of the language model).")
    ] = "",
    epochs: Annotated[float, typer.Option(min=0.01, help="Passes over the training examples.")] = 3.0,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps in all, in place of --epochs.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Default: 2e-4 for LoRA, 1e-5 for --full.")] = None,
    warmup: Annotated[float, typer.Option(min=0, max=0.99, help="Share of the steps in which it rises.")] = 0.03,
    batch: Annotated[int, typer.Option(min=1, help="Examples at a time on each device.")] = 1,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches before each step.")] = 8,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="Scale larger images down, now and when served.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16 (default: bfloat16 on CUDA).")] = None,
    checkpointing: Annotated[
        bool | None, typer.Option(help="Recompute activations: less memory, a third more time (default: on CUDA).")
    ] = None,
    save_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between checkpoints (default: an epoch).")
    ] = None,
    variant: Annotated[str, typer.Option(help="Examples: all, or those with or without assessments.")] = "all",
    seed: Annotated[int, typer.Option(min=0, help="Of order, dropout and LoRA's beginning.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps (default: the best there is).")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Devices that train together, by accelerate.")] = 1,
    allow_downloads: Annotated[bool, typer.Option(help="Let the student be downloaded from the hub.")] = False,
    evaluate: Annotated[bool, typer.Option(help="Judge the held-out examples before and after.")] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="Held-out items at most.")] = None,
    max_output_tokens: Annotated[int, typer.Option(min=1, help="Of an answer while evaluating.")] = 4096,
    rounds: Annotated[int, typer.Option(min=1, help="EM rounds: each student drafts the next round's set.")] = 1,
    teacher_data: Annotated[
        str | None, typer.Option(help="With --rounds: what students draft from: NAME=DIR, a .jsonl or a run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")] = False,
) -> None:
    """Fine-tune a vision language model on a set of judgments: rationale and decision, LoRA unless --full.

    The held-out examples are judged before and after in both orders. Settings, figures and checkpoints stay in --out;
    the same command goes on from the last checkpoint.
    Several devices: --processes N, or `accelerate launch -m autorater_evals.training.fitting SET STUDENT OUT`.
    """
    require_training()
    from autorater_evals.training.evaluating import Asking
    from autorater_evals.training.settings import make_settings
    from autorater_evals.training.training import Running

    def tell(text: str) -> None:
        typer.echo(text, err=True)

    settings = make_settings(
        method="lora" if lora else "full",
        rank=rank,
        alpha=alpha,
        dropout=dropout,
        targets=tuple(name.strip() for name in targets.split(",") if name.strip()),
        epochs=epochs,
        steps=steps,
        learning_rate=learning_rate,
        warmup=warmup,
        batch=batch,
        accumulate=accumulate,
        max_pixels=max_pixels,
        dtype=dtype,
        checkpointing=checkpointing,
        save_every=save_every,
        variant=variant,
        seed=seed,
    )
    running = Running(
        device=device,
        processes=processes,
        allow_downloads=allow_downloads,
        evaluate=evaluate,
        asking=Asking(max_output_tokens=max_output_tokens, limit=limit),
        tell=tell,
    )
    if rounds > 1:
        _rounds(set_folder, student, out, settings, running, rounds=rounds, data=teacher_data, as_json=as_json)
    else:
        _once(set_folder, student, out, settings, running, as_json=as_json)


def require_training() -> None:
    """Raise MissingExtraError unless a student can be trained and evaluated; imports nothing."""
    require_statistics()
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"training ({', '.join(missing)})", extra="training")


def _open(set_folder: Path, running: "Running") -> "TrainSet":
    from autorater_evals.trainset import open_set

    found = open_set(set_folder)
    source = found.card.get("source", {})
    if source.get("research"):
        running.tell(
            f"{set_folder.name} is for research only, and so is every student of it: {source['benchmark']}, "
            f"{source['training_note']}"
        )
    return found


def _tell(settings: "Settings", running: "Running") -> None:
    from autorater_evals.training.phases import device_of
    from autorater_evals.training.printing import show_running, show_settings

    running.tell(f"{show_settings(settings, device=device_of(running.device))}\n{show_running(running)}")


def _once(
    set_folder: Path, student: str, out: Path, settings: "Settings", running: "Running", *, as_json: bool
) -> None:
    from autorater_evals.training.printing import print_training
    from autorater_evals.training.training import train

    _tell(settings, running)
    found = train(_open(set_folder, running), student, out, settings, running=running)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=1) + "\n")
        return
    print_training(found)
    sys.stdout.write(f"serve it: autorater compare … --model transformers:{out}\n")


def _rounds(
    set_folder: Path,
    student: str,
    out: Path,
    settings: "Settings",
    running: "Running",
    *,
    rounds: int,
    data: str | None,
    as_json: bool,
) -> None:
    from autorater.model import open_model
    from autorater_evals.training.drafting import open_drafter
    from autorater_evals.training.printing import print_rounds
    from autorater_evals.training.rounds import run_rounds

    if data is None:
        raise UsageError("--rounds needs --teacher-data: the labelled data that the student of a round drafts from")
    _tell(settings, running)
    first = _open(set_folder, running)
    items, draft = open_drafter(
        data,
        first,
        opened=lambda name: open_model(name, device=running.device, dtype=settings.dtype),
        max_output_tokens=running.asking.max_output_tokens,
    )
    found = run_rounds(first, items, draft, student, out, settings, rounds=rounds, running=running)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=1) + "\n")
    else:
        print_rounds(found)
