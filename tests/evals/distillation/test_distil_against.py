"""Decontamination: what is indexed of a folder of benchmarks, and that the source is not held against itself."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pictures import png
from teaching import pairs, photographs, teach, write_rows

from autorater.canonical import digest
from autorater.errors import UsageError
from autorater_evals.benchmark import find_benchmarks
from autorater_evals.distillation import Plan, check, open_source
from autorater_evals.distillation.against import index_folders
from autorater_evals.distillation.prompts import prompt_digest

FREE = Plan(variants=("free",), without=("classifier",))
REAL = Path(__file__).parents[3].parent / "shared" / "data"


def lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def artifacts(folder: Path, captions: Sequence[str], *, first: int) -> None:
    """A folder as mjbench-artifacts', of noise pictures."""
    rows: list[dict[str, Any]] = []
    for number, caption in enumerate(captions):
        names = [f"{first + 2 * number}.png", f"{first + 2 * number + 1}.png"]
        rows.append(
            {"id": f"m{number}", "caption": caption, "preferred": "a", "image_a": names[0], "image_b": names[1]}
        )
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).write_bytes(png(int(name.removesuffix(".png"))))
    lines(folder / "pairs.jsonl", rows)


def test_an_index_holds_prompts_and_the_images_that_are_there(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(2), pictures=3)
    [index] = index_folders([f"jsonl={data}"])
    assert index.benchmark == "jsonl"
    assert set(index.prompts) == {prompt_digest(row["prompt"]) for row in pairs(2)}
    assert (set(index.images), index.missing) == ({digest(png(number)) for number in range(3)}, 1)
    # Without a name every benchmark tries to read the folder.
    assert index in index_folders([str(tmp_path / "data")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no registered benchmark reads .*: name it, as in genai-bench=empty"):
        index_folders([str(tmp_path / "empty")])
    with pytest.raises(UsageError, match="there is no folder"):
        index_folders([str(tmp_path / "gone")])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three benchmarks and two folders of something else: photographs 0 to 5, artifacts 6 to 9, own pairs 0 to 3."""
    made = tmp_path / "root"
    photographs(made / "photos", 6)
    artifacts(made / "broken", ["A FOX, number 7!", "a hare"], first=6)
    write_rows(made / "mine", pairs(2), pictures=4)
    (made / "empty").mkdir()
    lines(made / "other" / "notes.jsonl", [{"no": "benchmark"}])
    return made


def test_a_folder_of_benchmarks_is_read_with_all_that_is_in_it(root: Path) -> None:
    found = {one.benchmark: one for one in index_folders([str(root)])}
    assert found.keys() == {"biq2021", "mjbench-artifacts", "jsonl"}
    assert set(found["biq2021"].images) == {digest(png(number)) for number in range(6)}
    assert found["biq2021"].prompts == ()  # "a photograph" is nobody's prompt
    assert set(found["mjbench-artifacts"].prompts) == {prompt_digest("a fox number 7"), prompt_digest("a hare")}
    assert [found[name].complete for name in ("biq2021", "jsonl")] == [False, True]
    # Another folder of the same benchmark is added to the first.
    photographs(root.parent / "more", 8)
    [joined] = index_folders([f"biq2021={root / 'photos'}", f"biq2021={root.parent / 'more'}"])
    assert len(joined.images) == 8


def test_what_is_distilled_is_not_held_against_itself_and_all_else_is(root: Path, tmp_path: Path) -> None:
    """Of the photographs, four are in one's own pairs too, and two are nowhere else."""
    source = open_source("biq2021", folder=root / "photos", research=True)
    against = index_folders([str(root)], source=source)
    assert [one.benchmark for one in against] == ["mjbench-artifacts", "jsonl"]
    told: dict[str, Any] = {"folder": root / "photos", "research": True, "plan": FREE, "against": against}
    found, _ = teach("biq2021", tmp_path / "set", **told)
    went = {row["filter"]: row["went"] for row in found.card["filters"]}
    assert (went["usable"], went["contamination"]) == (6, 2)
    assert found.card["against"]["mjbench-artifacts"] == {
        "prompts": 2, "images": 4, "images_missing": 0, "complete": False,
    }  # fmt: skip
    unchecked = set(find_benchmarks()) - {"biq2021", "mjbench-artifacts", "jsonl"}
    assert set(found.card["not_checked_against"]) == unchecked
    text = (tmp_path / "set" / "card.md").read_text(encoding="utf-8")
    assert "\n  - mjbench-artifacts: 2 prompts, 4 images by sha256; not all of the benchmark\n  - jsonl: " in text
    assert check(tmp_path / "set").differing == ()


def test_ones_own_file_is_the_source_and_another_file_of_ones_own_is_not(root: Path, tmp_path: Path) -> None:
    source = open_source(str(root / "mine" / "items.jsonl"), limit=1)
    assert "jsonl" not in [one.benchmark for one in index_folders([str(root)], source=source)]
    other = write_rows(tmp_path / "test", pairs(1), pictures=2)
    rows = pairs(1)
    rows[0]["id"] = "another"
    write_rows(other.parent, rows)
    assert [one.benchmark for one in index_folders([f"jsonl={other}"], source=source)] == ["jsonl"]


def test_labels_alone_are_no_check(root: Path) -> None:
    photographs(root / "gone", 1)
    (root / "gone" / "0.png").unlink()
    assert index_folders([str(root / "gone")]) == ()
    with pytest.raises(UsageError, match=r"biq2021 at '.*gone' has neither prompts nor images to compare with"):
        index_folders([f"biq2021={root / 'gone'}"])


def test_two_benchmarks_that_read_the_same_must_be_told_apart(root: Path) -> None:
    row = {"caption": "a fox", "jpg_0": "0.png", "jpg_1": "1.png", "label_0": 1, "label_1": 0}
    lines(root / "picks" / "default-test_unique.jsonl", [row | {"model_0": "x", "model_1": "y"}])
    with pytest.raises(UsageError, match=r"picks' may be pickapic-v1 or pickapic-v2, .* say which besides, as in"):
        index_folders([str(root)])
    found = index_folders([str(root), f"pickapic-v2={root / 'picks'}"])
    assert {"pickapic-v2", "biq2021"} < {one.benchmark for one in found}
    assert "pickapic-v1" not in {one.benchmark for one in found}


@pytest.mark.skipif(not (REAL / "biq2021-subset").is_dir(), reason="../shared/data is not here")
def test_every_benchmark_that_is_here_is_found_in_the_real_folder() -> None:
    found = {one.benchmark: one for one in index_folders([str(REAL)])}
    assert {"agiqa3k", "avt", "biq2021", "dsg", "evalmi50k", "imagereward", "mjbench-artifacts", "tifa160"} <= set(
        found
    )
    assert "mmrb2" not in found  # its labels alone are here
    assert len(found["avt"].images) == 52
    assert (len(found["biq2021"].images), found["biq2021"].prompts) == (100, ())
    assert found["evalmi50k"].missing == 50_400
