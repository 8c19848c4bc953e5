"""Load through packages that would download: from a folder of the weights store alone, and nothing but tensors.

Some official packages fetch what they miss, keep it in a folder of the whole process, and unpickle whatever came. While
a model is built inside `loading_from`, torch.hub's folder is the given one, a download is an error that names the file,
and `torch.load` takes tensors only. Afterwards everything is as before. One model is built at a time, whatever the
threads: what is replaced belongs to the whole process.
"""

import functools
import sys
import warnings
from collections.abc import Collection, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import URLError

import torch

from autorater.errors import SpecialistError
from autorater_tools._building import BUILDING


@contextmanager
def replaced(thing: Any, names: Mapping[str, Any]) -> Generator[None]:
    """Attributes of `thing` replaced for a while; one that was not there is taken away again."""
    absent: Any = object()
    there: dict[str, Any] = thing.__dict__
    before = {name: there.get(name, absent) for name in names}
    for name, value in names.items():
        setattr(thing, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is absent:
                delattr(thing, name)
            else:
                setattr(thing, name, value)


@contextmanager
def loading_from(folder: Path, card: str, *more: tuple[Any, Mapping[str, Any]]) -> Generator[None]:
    """Build a model of the specialist `card` from the files in `folder`; `more` are further modules and replacements.

    Raises:
        SpecialistError: a file is missing or damaged, holds more than tensors, or the package raised anything else.

    """
    hub: Any = torch.hub
    quiet = {
        "_hub_dir": str(folder),
        "urlopen": _unreachable,
        "load": _hub_load(hub.load, folder),
        "download_url_to_file": functools.partial(missing, folder, card),
    }
    try:
        with BUILDING, ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # of packages that load as they were told to
            stack.enter_context(replaced(hub, quiet))
            stack.enter_context(replaced(torch, {"load": _tensors_only(torch.load)}))
            for thing, names in more:
                stack.enter_context(replaced(thing, names))
            yield
    except SpecialistError:
        raise
    except Exception as error:  # whatever the package raises, the files are to blame
        raise SpecialistError(
            f"the weights of {card} cannot be loaded ({type(error).__name__}: {' '.join(str(error).split())[:200]}): "
            f"run `autorater tools pull {card}` to fetch them again, and --repin where nobody publishes their sha256"
        ) from error


def missing(folder: Path, card: str, url: str, target: str, *_: object, **__: object) -> NoReturn:
    """What stands in for a download."""
    path = Path(target)
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    raise SpecialistError(
        f"{name} is not among the weights of {card} (from {url}): run `autorater tools pull {card}`; "
        "nothing is downloaded unasked"
    )


def silent(*_: object, **__: object) -> None:
    """What stands in for `print` in a package that talks."""


def _unreachable(*_: object, **__: object) -> NoReturn:
    raise URLError("nothing is downloaded while a specialist is loaded")


def _hub_load(load: Any, folder: Path) -> Any:
    """`torch.hub.load` of the repositories in `folder`: it tells nothing, writes no list of trust, asks no network."""

    @functools.wraps(load)
    def local(repository: str, model: str, *rest: Any, **keywords: Any) -> Any:
        name, _, branch = repository.partition(":")
        place = folder / f"{name.replace('/', '_')}_{branch or 'main'}"
        with _hidden({path.stem for path in place.glob("*")}):
            return load(str(place), model, *rest, **{**keywords, "source": "local"})

    return local


@contextmanager
def _hidden(names: Collection[str]) -> Generator[None]:
    """Modules of these names, in such a repository "utils" for example, are its own inside and the caller's outside."""
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}
    for name in ours:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in names]:
            del sys.modules[name]
        sys.modules.update(ours)


def _tensors_only(load: Any) -> Any:
    """`torch.load` that refuses everything but tensors, and puts them on the CPU unless told otherwise."""

    @functools.wraps(load)
    def guarded(file: Any, map_location: Any = None, *rest: Any, **keywords: Any) -> Any:
        keywords["weights_only"] = True
        return load(file, "cpu" if map_location is None else map_location, *rest, **keywords)

    return guarded
