"""The commands of `autorater tools` that are about where specialists run: `serve` and `env`."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from autorater.cli_options import read_places
from autorater.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]
Names = Annotated[list[str], typer.Argument(help="Specialists.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", "-o", help="An option: specialist.name=value; repeatable.")
]
Places = Annotated[list[str] | None, typer.Option("--place", help="specialist=place, as `worker`; repeatable.")]


def add_commands(app: typer.Typer) -> None:
    """Give `autorater tools` these commands."""
    app.command()(serve)
    app.command()(env)


def serve(
    names: Names,
    host: Annotated[str, typer.Option(help="Other than 127.0.0.1 it needs AUTORATER_TOOLS_TOKEN.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8100,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
    option: Options = None,
    place: Places = None,
    commercial: Annotated[bool, typer.Option(help="Refuse what its licence forbids to use commercially.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let other processes and machines use specialists of this one, over HTTP, until it is interrupted.

    Whoever uses them says --place NAME=http://HOST:PORT. The token of both sides is the environment variable
    AUTORATER_TOOLS_TOKEN. Put an encrypting proxy or a tunnel before it when the network is not yours alone.
    """
    import os

    from autorater.errors import MissingExtraError
    from autorater.places.environment import server_missing
    from autorater.toolbox import TOKEN, Toolbox

    if server_missing():
        raise MissingExtraError(f"the server of specialists (missing: {', '.join(server_missing())})", extra="workers")
    from autorater.serving import Server, check_host, listen
    from autorater.serving import serve as serve_app

    token = os.environ.get(TOKEN, "")
    check_host(host, token=token)
    box = Toolbox(device=device, commercial=commercial, options=by_specialist(option, names), places=read_places(place))
    box.require(names)
    cards = {name: box.card(name) for name in names}
    with listen(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}"
        told = {"address": address, "specialists": list(cards), "device": device, "token": bool(token)}
        line = f"{', '.join(cards)}: {address} (device {device}, {'with' if token else 'without'} a token)"
        sys.stdout.write((json.dumps(told) if as_json else line) + "\n")
        sys.stdout.flush()
        try:
            serve_app(Server(box, cards, token=token).app(), listening)
        finally:
            box.close()


def env(
    names: Names,
    python: Annotated[str | None, typer.Option(help="The interpreter to make it with; this one by default.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Delete it instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the virtual environment in which a specialist's worker runs; nothing of it is seen by other specialists.

    It lies in AUTORATER_ENVIRONMENTS, or in the user's data folder. What was begun is taken up again. A specialist
    whose card has an environment of its own then runs there unasked; any other with --place NAME=worker:PYTHON.
    """
    from autorater.environments import make_environment, remove_environment
    from autorater.toolbox import Toolbox

    box = Toolbox()
    cards = [box.card(name) for name in dict.fromkeys(names)]
    results: list[dict[str, object]] = []
    for card in cards:
        if remove:
            gone = remove_environment(card)
            results.append({"specialist": card.name, "removed": gone})
            line = f"{card.name}: {'removed' if gone else 'had no environment'}"
        else:
            own = make_environment(card, python=python)
            results.append({"specialist": card.name, "python": str(own.python), "installed": str(own.installed)})
            line = f"{card.name}: {own.python}"
        if not as_json:
            sys.stdout.write(line + "\n")
    if as_json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")


def by_specialist(given: "Sequence[str] | None", names: "Sequence[str]") -> dict[str, dict[str, object]]:
    """Specialist → option → value of words. Raises UsageError when one is not of that form."""
    read: dict[str, dict[str, object]] = {}
    for word in given or ():
        key, sign, value = word.partition("=")
        name, dot, option = key.strip().rpartition(".")
        if not dot and len(names) == 1:
            name = names[0]
        if not sign or not option or name not in names:
            raise UsageError(f"--option: expected specialist.option=value of one that is named, got {word!r}")
        read.setdefault(name, {})[option] = value.strip()
    return read
