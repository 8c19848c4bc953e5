"""The report as Markdown: the page's tables and notes, with the plots as files, and texts that stay texts."""

import re
from pathlib import Path

from command import run as command
from hypothesis import given
from hypothesis import strategies as st
from reported_runs import hostile_run

from autorater_evals.report.drawing import Panel, Plot, Series
from autorater_evals.report.markdown import escape, write_markdown
from autorater_evals.report.scored import Scored

PLOTS = (
    Plot("gaps", "Gaps", "n = 3", (Panel("a", "x", "y", (Series("s", [0.1, 0.2], [0.1, 0.2]),)),)),
    Plot("costs", "Costs", "left out: one run."),
)


def test_tables_and_figures(runs: tuple[Scored, ...], tmp_path: Path) -> None:
    files = write_markdown(tmp_path / "a report.md", runs, PLOTS, title="Two judges")
    text = (tmp_path / "a report.md").read_text(encoding="utf-8")
    assert files == ("a report-figures/gaps.svg", "a report-figures/gaps.pdf")
    assert all((tmp_path / file).stat().st_size > 1000 for file in files)
    assert "![Gaps](a%20report-figures/gaps.svg)" in text
    assert "left out\\: one run." in text
    figure = runs[0].evaluation.find("accuracy_half", part="pairs", dimension="overall")
    assert figure is not None
    assert figure.value is not None
    assert figure.interval is not None
    low, high = 100 * figure.interval.low, 100 * figure.interval.high
    assert re.search(rf"\*{100 * figure.value:.1f}\*+ \\\[{low:.1f}, {high:.1f}\\\], n {figure.n}", text)
    rows = [line for line in text.splitlines() if line.startswith("| pairs |")]
    assert len(rows) == sum(len(run.evaluation.rows) for run in runs)


def test_every_table_has_as_many_cells_in_each_row(tmp_path: Path) -> None:
    write_markdown(tmp_path / "report.md", hostile_run(tmp_path), PLOTS, title="<script>\n# title")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# &lt;script&gt; \\# title\n")
    assert not re.search(r"<|(?<!\\)`", re.sub(r"`[0-9a-f]{12}`", "", text))
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


@given(st.text())
def test_an_escaped_text_is_one_line_without_markup(text: str) -> None:
    told = escape(text)
    assert len(told.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*_<>\[\]]", told)


def test_the_command_writes_both(runs: tuple[Scored, ...], tmp_path: Path) -> None:
    folder = runs[0].run.folder
    ran = command("report", folder, "--out", tmp_path / "r.html", "--markdown", tmp_path / "r.md", "--json")
    assert ran.status == 0
    assert ran.json["items"] == ran.json["items_shown"] == 60
    assert ran.json["bytes"] == (tmp_path / "r.html").stat().st_size
    assert len(ran.json["figures"]) == 2 * len(ran.json["plots"]) > 0
    assert all((tmp_path / file).is_file() for file in ran.json["figures"])


def test_the_command_refuses_what_it_cannot_do(runs: tuple[Scored, ...], tmp_path: Path) -> None:
    folder = runs[0].run.folder
    nothing = command("report", tmp_path)
    assert (nothing.status, "no evaluated run" in nothing.err) == (1, True)
    same = command("report", folder, "--out", tmp_path / "r", "--markdown", tmp_path / "r")
    assert (same.status, "the same file" in same.err) == (2, True)
    missing = command("report", folder, "--out", tmp_path / "no" / "r.html")
    assert "does not exist" in missing.err
