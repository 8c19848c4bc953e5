"""`autorater export`: a training set in the format that a trainer reads."""

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]


def export(
    folder: Annotated[Path, typer.Argument(metavar="SET", help="A training set, as `autorater distill` makes it.")],
    to: Annotated[
        str,
        typer.Option(
            help="trl, llamafactory, ms-swift, internvl, llava, openai or webdataset; of pairs trl-dpo, "
            "llamafactory-dpo, ms-swift-dpo, ms-swift-image-dpo, internvl-dpo or reward."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; an older export there is replaced.")],
    split: Annotated[str, typer.Option(help="Splits, by commas: train, validation, test.")] = "train,validation",
    images: Annotated[
        str | None, typer.Option(help="path (files beside), embedded or hash (default: the format's).")
    ] = None,
    pairs: Annotated[
        str, typer.Option(help="Of DPO: right against wrong verdicts, kept against rejected rationales.")
    ] = "verdict,rationale",
    metadata: Annotated[bool, typer.Option(help="Keep the column 'autorater', needed to read rows back.")] = True,
    shard_size: Annotated[int, typer.Option(min=1, help="Of WebDataset: megabytes of a shard at most.")] = 500,
    as_json: AsJson = False,
) -> None:
    """Write a training set for TRL, LLaMA-Factory, ms-swift, InternVL, LLaVA, chat services or as WebDataset.

    Every row is read back and compared with its example as it is written; labels of people go into `reward` alone.
    """
    from autorater_evals.exports.exporting import export as write
    from autorater_evals.exports.listing import written
    from autorater_evals.trainset import open_set

    exported = write(
        open_set(folder),
        to,
        out,
        splits=cast(Any, _names(split)),
        images=cast(Any, images),
        pairs=cast(Any, _names(pairs)),
        metadata=metadata,
        shard_bytes=shard_size * 1_000_000,
    )
    if as_json:
        sys.stdout.write(exported.model_dump_json(indent=2) + "\n")
        return
    if exported.research:
        typer.echo(f"terms       for research only, and so is what is trained on it: {exported.training_note}")
    for line in written(exported, out):
        typer.echo(line)
    for reason, count in exported.skipped.items():
        typer.echo(f"no row of   {count:,} {reason}")
    if exported.reencoded:
        typer.echo(f"re-encoded  {exported.reencoded:,} images as PNG: decoders differ on them")
    if exported.escaped:
        typer.echo(f"escaped     {exported.escaped:,} rows whose text holds placeholders or control tokens")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
