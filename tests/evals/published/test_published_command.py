"""The command: one JSON list on stdout, a table of 100 columns, notes on stderr, and refusals that say what to do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from released_files import judged, rated, recomputed, write_lines
from typer.testing import CliRunner

from autorater.errors import UsageError
from autorater_evals.published import recompute
from autorater_evals.published.command import published

FIELDS = ["table", "task", "judge", "measure", "average", "value", "n", "ci95", "published"]

app = typer.Typer()
app.command()(published)


def write_small(folder: Path, *, judge: str = "j_0shot") -> None:
    places = [(f"{number}.jpg", [[number % 3 / 2, 1], [number % 2, 0.5], [0.5, 1]]) for number in range(8)]
    people = [rated("Multi-Concept_IC", "DreamBooth", uid, ratings) for uid, ratings in places]
    lines = [
        line
        for number, (uid, _) in enumerate(places)
        for line in judged(judge, "Multi-Concept_IC", "DreamBooth", uid, SC=[number], PQ=[9 - number])
    ]
    write_lines(folder / "viescore-per-item" / "human_ratings.jsonl.gz", people)
    write_lines(folder / "viescore-per-item" / "judge_scores.jsonl.gz", lines)
    votes = [{"prompt": f"{n}", "human_vote": "leftvote", "model_votes": {judge: "[[A>B]]"}} for n in range(3)]
    write_lines(folder / "genai-bench-votes" / "image_generation.jsonl.gz", votes)


def test_json_is_one_list_and_nothing_else(tmp_path: Path) -> None:
    write_small(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "autorater_evals.published", "--data", str(tmp_path), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout)
    assert all(list(row) == FIELDS for row in rows)
    assert {type(row["ci95"]) for row in rows} <= {list, type(None)}
    assert "agiqa3k-labels: not in the data folder" in done.stderr
    assert str(tmp_path) not in done.stderr
    assert rows == [row.model_dump(mode="json") for row in recomputed(tmp_path)[0]]


def test_the_table_is_readable_at_100_columns(tmp_path: Path) -> None:
    write_small(tmp_path, judge="a judge\x1b[31m with a name that is much too long for any column")
    done = CliRunner().invoke(app, ["--data", str(tmp_path)])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in done.stdout
    heading = next(line for line in lines if "recomputed" in line)
    row = next(line for line in lines if "SC (authors)" in line)
    assert row.split()[:3] == ["humans", "SC", "(authors)"]
    assert row[: heading.index("published") + len("published")].endswith("0.5927")
    assert any("analyze_json.ipynb" in line for line in lines)
    assert not any("Multi-Concept_IC/DreamBooth" in line for line in lines)


def test_the_same_files_give_the_same_figures(tmp_path: Path) -> None:
    write_small(tmp_path)
    first = recomputed(tmp_path)
    assert recomputed(tmp_path) == first


def test_one_of_the_folders_itself(tmp_path: Path) -> None:
    write_small(tmp_path)
    whole, _ = recomputed(tmp_path)
    part, notes = recomputed(tmp_path / "genai-bench-votes")
    assert part == [row for row in whole if row.table == "GenAI-Bench"]
    assert "viescore-per-item: not in the data folder, so its figures are left out" in notes


def test_a_folder_without_anything_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "viescore-per-item").mkdir()
    with pytest.raises(UsageError, match=r"viescore-per-item, genai-bench-votes, .* found none"):
        recompute(tmp_path)
    with pytest.raises(UsageError, match="expected a folder of released files"):
        recompute(tmp_path / "absent")


def test_people_without_judges_and_judges_without_people(tmp_path: Path) -> None:
    write_small(tmp_path)
    folder = tmp_path / "viescore-per-item"
    (folder / "judge_scores.jsonl.gz").rename(tmp_path / "kept")
    rows, notes = recomputed(folder)
    assert {row.judge for row in rows} == {"humans"}
    assert "VIEScore: no judge_scores.jsonl in the folder, so no judge's figure" in notes
    (folder / "human_ratings.jsonl.gz").unlink()
    (tmp_path / "kept").rename(folder / "judge_scores.jsonl.gz")
    with pytest.raises(UsageError, match="found none"):
        recomputed(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "human_ratings.jsonl, line 2: not JSON"),
        ("[1]", "human_ratings.jsonl, line 2: expected an object"),
        ('{"task": "T", "generator": "G", "ratings": []}', "line 2: expected uid to be a str or int"),
        ('{"task": "T", "generator": "G", "uid": "u"}', "line 2: expected ratings to be a list"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = write_lines(tmp_path / "human_ratings.jsonl", [rated("T", "G", "u", [[1, 1]])])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UsageError, match=said):
        recomputed(tmp_path)
