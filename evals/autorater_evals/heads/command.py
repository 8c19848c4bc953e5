"""The command `autorater train-head`. Thin; the work is in `running`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

LOSSES = "bt (pairs), gpm (pairs, may run in circles), ce (good or not), l1 (opinions, level words first)"


def train_head(
    data: Annotated[str, typer.Argument(help="A benchmark, with --data; or a .jsonl file of your own.")],
    base: Annotated[str, typer.Option(help="The base: a folder, or a name of the hub that is in the cache.")],
    loss: Annotated[str, typer.Option(help=LOSSES)],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command goes on from it.")],
    folder: Annotated[Path | None, typer.Option("--data", help="The folder with the benchmark's data.")] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="skipca (the last token looks back at the image), linear, or of l1 mlp (five layers): mlp for l1, "
            "else skipca."
        ),
    ] = None,
    dimension: Annotated[str, typer.Option(help="The dimension of the labels; of several, see --perspectives.")] = "",
    perspectives: Annotated[
        str, typer.Option(help="Dimensions with commas between: a head and a LoRA for each, on one base.")
    ] = "",
    gpm_size: Annotated[int, typer.Option(help="Numbers of a reward of gpm: 2, 4, 6, …")] = 2,
    temperature: Annotated[float, typer.Option(help="Of bt and gpm.")] = 0.1,
    lora: Annotated[
        bool, typer.Option("--lora/--frozen", help="Train LoRA and projector too, or the head alone.")
    ] = True,
    rank: Annotated[int | None, typer.Option(help="Of LoRA; 8 for l1, else 128.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Of LoRA; twice the rank unless told.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the examples; 5 for l1, else 1.")] = None,
    level_epochs: Annotated[int, typer.Option(help="Of l1 with LoRA: passes over level words before.")] = 1,
    learning_rate: Annotated[
        float | None, typer.Option(help="At the beginning; a cosine takes it to 0. 1e-5 for l1, else 2e-4.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Examples of a step.")] = 8,
    held_out: Annotated[float, typer.Option(help="The share that is never trained on, by whole prompts.")] = 0.2,
    hard_negatives: Annotated[
        float,
        typer.Option(help="The share of pairs with a similar prompt or an alike image (for the match with prompts)."),
    ] = 0.0,
    save_every: Annotated[int, typer.Option(help="Steps between two states to go on from.")] = 100,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps (default: the best there is).")] = None,
    research: Annotated[
        bool, typer.Option(help="I train for research only: for data whose owners state no licence for more.")
    ] = False,
    any_count: Annotated[bool, typer.Option(help="Take data whose counts differ from the registered ones.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")] = False,
) -> None:
    """Train a reward head on labelled data, with figures on held-out prompts; it is served as `reward_head`."""
    from autorater.devices import check_device
    from autorater_evals.requirements import require_statistics

    dimensions = _dimensions(dimension, perspectives)
    if device is not None:
        check_device(device)
    require_statistics()
    _require_training()
    by_loss = {"head": head, "rank": rank, "alpha": alpha, "epochs": epochs, "rate": learning_rate}
    settings = _settings(
        loss=loss,
        dimensions=dimensions,
        gpm_size=gpm_size,
        temperature=temperature,
        lora=lora,
        level_epochs=level_epochs,
        batch=batch,
        held_out=held_out,
        hard_negatives=hard_negatives,
        save_every=save_every,
        seed=seed,
        **{name: value for name, value in by_loss.items() if value is not None},
    )
    from autorater_evals.heads.running import train_heads
    from autorater_evals.heads.writing import card_of

    result = train_heads(
        data,
        base=base,
        settings=settings,
        out=out,
        folder=folder,
        device=device,
        any_count=any_count,
        research=research,
    )
    sys.stdout.write(result.model_dump_json(indent=1) + "\n" if as_json else card_of(result))


def _dimensions(dimension: str, perspectives: str) -> tuple[str, ...]:
    from autorater.errors import UsageError

    if dimension and perspectives:
        raise UsageError("expected --dimension or --perspectives, got both: perspectives are dimensions, one or more")
    names = [name.strip() for name in perspectives.split(",")] if perspectives else [dimension or "overall"]
    if not all(names):
        raise UsageError(f"expected dimensions with one comma between, got {perspectives!r} (--perspectives)")
    return tuple(names)


def _settings(**given: Any) -> Any:
    from pydantic import ValidationError

    from autorater.document import describe_errors
    from autorater.errors import UsageError
    from autorater_evals.heads.settings import Settings

    try:
        return Settings(**given)
    except ValidationError as error:
        raise UsageError(f"these settings cannot be trained with: {describe_errors(error)}") from error


def _require_training() -> None:
    from importlib.util import find_spec

    from autorater.errors import MissingExtraError

    missing = [
        name for name in ("torch", "transformers", "safetensors", "peft", "imagehash") if find_spec(name) is None
    ]
    if missing:
        raise MissingExtraError(f"training of reward heads ({', '.join(missing)})", extra="training")
