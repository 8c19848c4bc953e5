"""What a repository of the Hugging Face hub holds: asked through `huggingface_hub`, which knows tokens and addresses.

The bytes come through `autorater.fetching`: that library (2.4) deletes a half download when it is interrupted.
Called by `autorater tools pull` only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib import import_module
from pathlib import Path
from typing import Any

from autorater.card import Weights
from autorater.errors import MissingExtraError, SpecialistError, one_line
from autorater.fetching import Address

TOKEN = "HF_TOKEN"
"""The environment variable of the hub's token."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository at one commit."""

    path: str
    """In the repository."""
    address: Address
    sha256: str | None
    """As the hub tells it of large files."""
    blob: str | None
    """The git sha1 of the others."""
    commit: str


def hub_files(entry: Weights, *, card: str, revision: str, endpoint: str | None) -> list[HubFile]:
    """The files of the repository that belong to `entry`: all that match its patterns, or the one that it names.

    The user's token goes to the hub of the library's settings (HF_ENDPOINT) only, never to an `endpoint` given here.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        SpecialistError: the repository cannot be reached, is gated, or holds no such file.

    """
    try:
        library: Any = import_module("huggingface_hub")
        utils: Any = import_module("huggingface_hub.utils")
        constants: Any = import_module("huggingface_hub.constants")
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"pulling the weights of {card} (missing: {error.name})", extra="hub") from error
    constants.HF_HUB_DISABLE_TELEMETRY = True  # else it asks the hub about itself, a mirror or not
    token = None if endpoint is None else False
    api: Any = library.HfApi(endpoint=endpoint, token=token)
    page = f"{api.endpoint}/{entry.hub}"
    try:
        info: Any = api.model_info(entry.hub, revision=revision, files_metadata=True, timeout=30)
    except Exception as error:  # the library's HTTP client changes with its versions, and so do its errors
        raise _told(error, entry.hub, revision, page) from error
    listed: dict[str, Any] = {one.rfilename: one for one in info.siblings or ()}
    names: list[str] = list(utils.filter_repo_objects(listed, allow_patterns=list(entry.patterns) or None))
    headers: dict[str, str] = utils.build_hf_headers(library_name="autorater", token=token)

    def file(name: str) -> HubFile:
        one = listed[name]
        url = library.hf_hub_url(entry.hub, name, revision=info.sha, endpoint=api.endpoint)
        address = Address(url, headers, one.size)
        return HubFile(name, address, one.lfs.sha256 if one.lfs else None, one.blob_id, info.sha)

    return [file(name) for name in _chosen(entry, names, page)]


def _chosen(entry: Weights, names: Sequence[str], page: str) -> list[str]:
    """The names that belong to the entry: all for a folder, one for a file."""
    if entry.is_folder:
        chosen = list(names)
    else:
        base = entry.file.rpartition("/")[2]
        named = next((name for name in (entry.member, entry.file, base) if name in names), None)
        chosen = [named] if named else list(names) if len(names) == 1 and entry.patterns else []
    if not chosen:
        what = ", ".join(entry.patterns) or entry.file
        raise SpecialistError(
            f"{page} holds no {what}: the card names another version of it, or the mirror is not whole"
        )
    return chosen


def gated(repository: str, page: str, status: int) -> SpecialistError:
    """What to tell when the hub refuses a file."""
    return SpecialistError(
        f"{repository} is gated or private ({status}): ask for access on its page {page}, set {TOKEN} to a token of "
        "yours that may read it, and run the same command again"
    )


def git_blob(path: Path) -> str:
    """The sha1 by which git names the bytes of a file."""
    digest = sha1(b"blob %d\x00" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def _told(error: Exception, repository: str, revision: str, page: str) -> SpecialistError:
    kind = type(error).__name__
    status = getattr(getattr(error, "response", None), "status_code", None)
    if kind == "OfflineModeIsEnabled":
        return SpecialistError("the hub is switched off by HF_HUB_OFFLINE: unset it, or use --from FOLDER")
    if kind == "RevisionNotFoundError":
        return SpecialistError(f"{page} has no revision {revision!r}: the card is out of date")
    if status in (401, 403) or kind == "GatedRepoError":
        return gated(repository, page, status or 403)
    if status == 404:
        return SpecialistError(f"there is no {page} (404): the card is out of date, or the mirror does not have it")
    why = f"the hub answered {status}" if status else f"{kind}: {one_line(error)[:160]}"
    return SpecialistError(f"{page} cannot be listed ({why}): try again, name a --mirror, or use --from FOLDER")
