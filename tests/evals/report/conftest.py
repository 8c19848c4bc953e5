"""Two runs of the same pairs, and their page, made once for all tests of the report."""

from pathlib import Path

import pytest
from reported_runs import two_runs

from autorater_evals.report.page import write_page
from autorater_evals.report.scored import Scored


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scored, ...]:
    return two_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def plain(runs: tuple[Scored, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of both."""
    path = tmp_path_factory.mktemp("plain") / "report.html"
    write_page(path, runs, title="Two judges")
    return path
