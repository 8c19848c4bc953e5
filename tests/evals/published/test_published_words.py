"""AGIQA-3K's words and ImageReward's counts."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from released_files import DATA, one, recomputed, write_lines

from autorater_evals.published.words import level_of

stats: Any = import_module("scipy.stats")


@pytest.mark.parametrize(
    ("text", "level"),
    [("bad", 1), ("Excellent.", 5), ("it would be rated as 'bad'", 1), ("fair, fair", 3), ("good", 4), ("poor", 2)],
)
def test_levels(text: str, level: int) -> None:
    assert level_of(text) == level


@pytest.mark.parametrize("text", ["", "good or bad", "great", None, 3])
def test_no_level(text: object) -> None:
    assert level_of(text) != level_of(text)


def test_words_against_scores(tmp_path: Path) -> None:
    given = [
        ("bad", "bad", 0.4),
        ("good", "fair", 3.1),
        ("fair", "fair", 2.2),
        ("good", "good", 3.0),
        ("?", "bad", 1.0),
    ]
    rows = [
        {
            "image": f"{number}.jpg",
            "aspect": "quality",
            "prompt": f"p{number}",
            "mos": mos,
            "target_word": target,
            "model_word": word,
        }
        for number, (word, target, mos) in enumerate(given)
    ]
    write_lines(tmp_path / "m3agiqa_outputs.jsonl", rows)
    heading = "name,prompt,mos_quality,mos_align\n"
    (tmp_path / "agiqa3k_mos.csv").write_text(heading + "".join(f"{n}.jpg,p,{given[n][2]},1\n" for n in range(4)))
    found, notes = recomputed(tmp_path)
    levels, scores = [1, 4, 3, 4], [0.4, 3.1, 2.2, 3.0]
    for measure, way in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr), ("kendall", stats.kendalltau)):
        row = one(found, table="AGIQA-3K", task="quality", measure=measure)
        assert row.value == pytest.approx(way(levels, scores).statistic, abs=1e-12)
        assert row.n == 4
    accuracy = one(found, measure="accuracy")
    assert accuracy.value == 3 / 4
    assert accuracy.n == 4
    assert "AGIQA-3K: answers on quality that name no one level, left out: 1" in notes
    assert "AGIQA-3K: outputs whose MOS is not that of agiqa3k_mos.csv, the outputs' own used: 1" in notes


def test_counts(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "ranking": [1, 2, 2], "generations": ["x", "y", "z"]},
        {"prompt": "b", "ranking": [1, 1], "generations": ["x"]},
        {"prompt": "a", "ranking": [2, 1], "generations": ["x", "y"]},
    ]
    write_lines(tmp_path / "other-preference-labels" / "imagereward_test.jsonl.gz", rows)
    found, notes = recomputed(tmp_path)
    assert {row.measure: row.value for row in found} == {
        "prompts": 3,
        "images": 7,
        "pairs": 3,
        "tied_pairs": 2,
        "prompt_texts": 2,
    }
    assert "ImageReward: imagereward_test.jsonl.gz, line 2: 1 generations, 2 ranks" in notes


def test_the_released_counts() -> None:
    if not (DATA / "other-preference-labels").is_dir():
        pytest.skip("other-preference-labels is not in ../shared/data beside the repository")
    rows, _ = recomputed(DATA / "other-preference-labels")
    assert [row.value for row in rows] == [466, 2720, 6399, 831, 463]
    assert [row.published for row in rows] == [466, 2720, 6399, 831, 463]
