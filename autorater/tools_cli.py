"""The command `autorater tools`: list the specialists, show a card, pull weights, try one."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autorater.cli_options import read_places
from autorater.errors import AutoRaterError, UsageError, one_line
from autorater.places_cli import Places, add_commands

if TYPE_CHECKING:
    from autorater.card import Card
    from autorater.pulling import How

app = typer.Typer(
    help="The specialists: what they measure, what is missing to run them, their weights.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
add_commands(app)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", "-o", help="An option of its card: name=value; repeatable.")
]
Commercial = Annotated[bool, typer.Option(help="Refuse what its licence forbids to use commercially.")]


@app.callback()
def tools(context: typer.Context, as_json: AsJson = False) -> None:
    """List the specialists: what they measure, and what is missing to run them."""
    if context.invoked_subcommand is None:
        from autorater.listing import list_tools

        list_tools(as_json=as_json)


@app.command()
def show(name: Annotated[str, typer.Argument(help="A specialist.")], as_json: AsJson = False) -> None:
    """Print the card of one specialist: quantities, options, weights, how to read it."""
    from autorater.listing import show_tool

    show_tool(_card(name), as_json=as_json)


@app.command()
def where(as_json: AsJson = False) -> None:
    """Print the folder of the weights store (AUTORATER_WEIGHTS sets another)."""
    from autorater.store import size_on_disk, store_root

    root = store_root()
    told = {"folder": str(root), "exists": root.is_dir(), "bytes": size_on_disk(root)}
    sys.stdout.write((json.dumps(told, indent=2) if as_json else str(root)) + "\n")


@app.command()
def pull(
    names: Annotated[list[str] | None, typer.Argument(help="Specialists.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every specialist whose weights a program may fetch.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--from", help="Bring the files in from this folder, without the network.")
    ] = None,
    mirror: Annotated[str, typer.Option(help="An address that takes the place of every host; it gets no token.")] = "",
    option: Options = None,
    accept_licence: Annotated[bool, typer.Option(help="You accept the terms that were printed.")] = False,
    commercial: Commercial = False,
    repin: Annotated[
        bool, typer.Option(help="Fetch again, and accept other bytes where nobody publishes a sha256.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Download the weights of specialists, verified; a half download is continued."""
    from autorater.pulling import How
    from autorater.toolbox import Toolbox

    if bool(names) == every:
        raise UsageError("name the specialists whose weights are wanted, or give --all (autorater tools lists them)")
    if mirror and not mirror.startswith(("http://", "https://")):
        raise UsageError(f"--mirror: expected an address that begins with http:// or https://, got {mirror!r}")
    toolbox = Toolbox(commercial=commercial)
    cards = [toolbox.card(name) for name in dict.fromkeys(names or [])]
    how = How(folder=folder, mirror=mirror, accept=accept_licence, repin=repin)
    if every:
        _pull(list(toolbox.cards.values()), {}, how, lenient=True, as_json=as_json)
        return
    chosen = read_options(option)
    if chosen and len(cards) > 1:
        raise UsageError("--option goes with one specialist: pull the others in a call of their own")
    _pull(cards, chosen, how, lenient=False, as_json=as_json)


def _pull(cards: "Sequence[Card]", chosen: dict[str, str], how: "How", *, lenient: bool, as_json: bool) -> None:
    """Pull one after the other. One that cannot be had is told, and does not keep the others from coming."""
    from autorater.progress import transfer_bars
    from autorater.pulling import pull as pull_one
    from autorater.store import how_to_get, missing_files, wanted

    options = [card.options(chosen) for card in cards]  # a wrong option is told before anything is done
    results: list[dict[str, Any]] = []
    failed = 0
    for card, given in zip(cards, options, strict=True):
        by_hand = [entry.file for entry in missing_files(card, given) if entry.by_hand]
        if lenient and (not wanted(card, given) or (by_hand and how.folder is None)):
            if by_hand:
                made = any(entry.made_by for entry in wanted(card, given))
                how_else = how_to_get(card, given) if made else f"a person must get {', '.join(by_hand)}"
                typer.echo(f"{card.name}: left out, {how_else}", err=True)
            continue
        result: dict[str, Any] = {"specialist": card.name, "needs_weights": bool(wanted(card, given)), "files": []}
        results.append(result)
        try:
            with transfer_bars() as bars:
                came = pull_one(card, given, how, bars)
        except AutoRaterError as error:
            if len(cards) == 1:
                raise
            typer.echo(f"autorater: {card.name}: {one_line(error)}", err=True)
            result["error"] = one_line(error)
            failed += 1
            continue
        result["files"] = [_file(one) for one in came]
        if not as_json:
            _tell(card, result)
    if as_json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    if failed:
        raise typer.Exit(1)


def _file(one: Any) -> dict[str, Any]:
    return {"file": one.file, "bytes": one.bytes, "sha256": one.sha256, "origin": one.origin, "pinned": one.pinned}


def _tell(card: "Card", result: dict[str, Any]) -> None:
    from autorater.store import in_words

    files: list[dict[str, Any]] = result["files"]
    for one in files:
        typer.echo(f"{card.name}: {one['file']}, {in_words(one['bytes'])}, sha256 {one['sha256'][:12]}…")
    if pinned := sum(one["pinned"] for one in files):
        what = "its sha256" if pinned == 1 else f"the sha256 of {pinned} files"
        typer.echo(f"{card.name}: nobody publishes {what}: what came now is pinned, and must stay so")
    if not files:
        told = "all there and whole" if result["needs_weights"] else "needs no weights beyond its packages"
        typer.echo(f"{card.name}: {told}")
    if card.meta.environment is None and (missing := card.missing()):
        typer.echo(f'{card.name}: also needs {", ".join(missing)}: pip install "autorater-vision[{card.meta.extra}]"')


@app.command(name="try")
def try_one(
    name: Annotated[str, typer.Argument(help="A specialist.")],
    images: Annotated[list[str], typer.Argument(help="Images.")],
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="The prompt or the editing instruction.")] = "",
    source: Annotated[list[str] | None, typer.Option("--source", "-s", help="Source image of an edit.")] = None,
    option: Options = None,
    place: Places = None,
    out: Annotated[Path, typer.Option(help="The folder for the annotated pictures.")] = Path(),
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
    commercial: Commercial = False,
    as_json: AsJson = False,
) -> None:
    """Let one specialist look at images: its readings, and a picture of what it found."""
    from autorater.trying import try_specialist

    tried = try_specialist(
        name,
        images,
        prompt=prompt,
        sources=source or [],
        options=read_options(option),
        places=read_places(place),
        out=out,
        device=device,
        commercial=commercial,
    )
    if as_json:
        sys.stdout.write(json.dumps([one.told() for one in tried], indent=2) + "\n")
    else:
        from autorater.listing import show_tried

        for one in tried:
            show_tried(_card(name), one.image, one.outcome, one.picture)
    kinds = {one.outcome.kind for one in tried}
    if "failed" in kinds:
        raise typer.Exit(1)
    if "measured" not in kinds:
        raise typer.Exit(3)


def read_options(given: Sequence[str] | None) -> dict[str, str]:
    """name=value words as a mapping. Raises UsageError when one is not of that form."""
    read: dict[str, str] = {}
    for word in given or ():
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise UsageError(f"--option: expected name=value, got {word!r}")
        read[name.strip()] = value.strip()
    return read


def _card(name: str) -> "Card":
    from autorater.toolbox import Toolbox

    return Toolbox().card(name)
