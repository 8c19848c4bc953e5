"""Folders that tests speak of."""

import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The repository."""
SCRATCH = Path(tempfile.mkdtemp(prefix="autorater-tests-"))
"""The home folder of the tests, deleted after the last one."""
