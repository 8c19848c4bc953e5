"""What each loader of mean opinions, ranks and questions does beside what all benchmarks promise."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from making_mean_opinions import MAKERS, lines, table

from autorater.errors import UsageError
from autorater_evals.benchmark import Loaded, find_benchmarks
from autorater_evals.benchmarks import dsg, evalmi50k, imagereward
from autorater_evals.item import Item

DATA = Path(__file__).parents[4] / "shared" / "data"
LABELS = DATA / "other-preference-labels"
QUESTIONS = DATA / "tifa160-and-dsg"
Made = Callable[[str], dict[str, tuple[Item, ...]]]


@pytest.fixture
def load(tmp_path: Path) -> Made:
    def made(name: str) -> dict[str, tuple[Item, ...]]:
        MAKERS[name](tmp_path)
        return dict(again(name, tmp_path).items)

    return made


def again(name: str, folder: Path) -> Loaded:
    return find_benchmarks()[name].load(folder, any_count=True)


def test_imagereward_prefers_the_better_rank_on_either_side(load: Made, tmp_path: Path) -> None:
    pairs = load("imagereward")["pairs"]
    ranks = {
        f"test_images/{image}": rank
        for row in json.loads((tmp_path / "test.json").read_text())
        for image, rank in zip(row["generations"], row["ranking"], strict=True)
    }
    for item in pairs:
        a, b = (ranks[image] for image in item.images)
        told = item.preferences["overall"]
        assert (told.preferred, told.gap) == ("a" if a < b else "b", b - a)
    assert imagereward.tied_pairs(tmp_path) == 2


def test_imagereward_makes_pairs_of_the_metadata_alone(load: Made, tmp_path: Path) -> None:
    load("imagereward")
    (tmp_path / "test.json").unlink()
    found = again("imagereward", tmp_path)
    assert found.counts["pairs"] == {"items": 5, "clusters": 1, "prompts": 1, "images": 4}
    assert {item.facets["category"] for item in found.items["pairs"]} == {"Animals"}
    (tmp_path / "metadata-test.jsonl").rename(tmp_path / "other.jsonl")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    arrow: Any = pytest.importorskip("pyarrow")
    rows = [json.loads(line) for line in (tmp_path / "other.jsonl").read_text().splitlines()]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "metadata-test.parquet")
    assert again("imagereward", tmp_path).items == found.items
    (tmp_path / "metadata-test.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(UsageError, match=r"metadata-test\.parquet cannot be read as Parquet"):
        again("imagereward", tmp_path)


def test_imagereward_has_no_points_without_ratings(load: Made, tmp_path: Path) -> None:
    load("imagereward")
    (tmp_path / "metadata-test.jsonl").unlink()
    with pytest.raises(UsageError, match=r"points: 2,720 items expected, none found.*--part pairs"):
        find_benchmarks()["imagereward"].load(tmp_path)


@pytest.mark.skipif(not LABELS.exists(), reason="shared/data/other-preference-labels is not here")
def test_imagereward_counts_ties_and_balances_the_sides() -> None:
    assert imagereward.tied_pairs(LABELS) == 831
    pairs = find_benchmarks()["imagereward"].load(LABELS, parts=["pairs"]).items["pairs"]
    sides = Counter(item.preferences["overall"].preferred for item in pairs)
    assert abs(sides["a"] / len(pairs) - 0.5) < 0.02


@pytest.mark.parametrize(
    "heading", ["name,prompt,mos", "Image_Name,Text,MOS", "extra,filename,caption,gt_score", "img,text_prompt,score"]
)
def test_aigiqa_understands_other_headings(heading: str, tmp_path: Path) -> None:
    row = ("SDXL_1.png", "a door", 3.5)
    table(tmp_path / "info_test.csv", heading, [(("x",) * heading.count("extra") + row)])
    (item,) = again("aigiqa20k", tmp_path).items["points"]
    assert (item.images, item.prompt, item.generators) == (("test/SDXL_1.png",), "a door", ("SDXL",))
    assert item.opinions["overall"].mean == 3.5


def test_aigiqa_names_the_headings_that_it_understands(tmp_path: Path) -> None:
    table(tmp_path / "info_test.csv", "name,words,mos", [("SDXL_1.png", "a door", 3.5)])
    with pytest.raises(UsageError, match=r"expected a column for prompt \(prompt, .*got name, words, mos: rename"):
        again("aigiqa20k", tmp_path)


def test_aigiqa_needs_an_opinion_of_every_test_image(load: Made, tmp_path: Path) -> None:
    load("aigiqa20k")
    table(tmp_path / "data.csv", "name,prompt,mos", [("SDXL_0001.png", "-", 3)])
    with pytest.raises(UsageError, match=r"info_test\.csv, line 3: 'SDXL_0002.png' has no opinion"):
        again("aigiqa20k", tmp_path)


def test_agiqa_reads_generator_setting_and_words(load: Made) -> None:
    plain, styled = load("agiqa3k")["points"]
    assert (plain.generators, plain.facets["setting"], plain.facets["style"]) == (("AttnGAN",), "normal", "none")
    assert (styled.generators, styled.facets["setting"], styled.facets["style"]) == (
        ("sd1.5",),
        "lowcorr",
        "anime style",
    )
    assert (styled.facets["first adjective"], styled.facets["second adjective"]) == ("cold color", "close-up")
    assert (styled.opinions["align"].mean, styled.opinions["align"].deviation) == (3.25, 0.75)


def test_evalmi_asks_the_task_and_folds_by_prompt(load: Made) -> None:
    found = load("evalmi50k")
    tasks = [(item.facets["task"], item.facets["prompt"], item.answers) for item in found["questions"][:3]]
    assert tasks == [
        ("counting", "short", {"task": "yes"}),
        ("complex", "long", {"task": "no"}),
        ("complex", "long", {"task": "yes"}),
    ]
    assert found["points"][1].opinions["perception"].mean == 42.5
    assert evalmi50k.fold_of("a photo of two pears") == evalmi50k.fold_of(" a photo  of two pears\n") == 1
    assert len(evalmi50k.QUESTIONS) == 20


def test_evalmi_says_when_the_two_files_do_not_fit(load: Made, tmp_path: Path) -> None:
    load("evalmi50k")
    lines(tmp_path / "prompt_tasks.jsonl", [{"tag": "scene", "prompt": "a kitchen"}])
    with pytest.raises(UsageError, match=r"evalmi50k_mos\.csv, line 3: expected an image .* numbered 1 to 1"):
        again("evalmi50k", tmp_path)
    lines(tmp_path / "prompt_tasks.jsonl", [{"tag": "smell", "prompt": "a kitchen"}])
    with pytest.raises(UsageError, match=r"prompt_tasks\.jsonl, line 1: expected one of the known tags, got 'smell'"):
        again("evalmi50k", tmp_path)


def test_tifa_reads_lines_as_it_reads_the_object(load: Made, tmp_path: Path) -> None:
    points = load("tifa160")["points"]
    first = points[0].opinions["faithfulness"]
    assert (first.mean, first.ratings) == (3.5, {"rater 1": 2.0, "rater 2": 5.0})
    assert points[1].generators == ("stable_diffusion_v1_1",)
    path = tmp_path / "human_annotations.json"
    rows = [{"id": id, **row} for id, row in json.loads(path.read_text()).items()]
    path.unlink()
    lines(tmp_path / "tifa160_human_and_metric_scores.jsonl", rows)
    assert again("tifa160", tmp_path).items["points"] == points


def test_dsg_asks_parents_first_and_drops_what_cannot_be_met(load: Made, tmp_path: Path) -> None:
    cube, tree, cow = (item.questions for item in load("dsg")["questions"])
    assert cube and tree and cow  # noqa: PT018
    asked = {question.id: question.depends_on for question in cube.items}
    assert list(asked.items()) == [("q1", ()), ("q3", ("q1",)), ("q4", ("q1",)), ("q2", ("q1", "q4"))]
    assert [(one.id, one.depends_on) for one in tree.items] == [("q1", ()), ("q2", ("q1",))]
    assert [(one.id, one.depends_on) for one in cow.items] == [("q2", ())]
    assert dsg.unused_dependencies(tmp_path) == 4  # 3 on itself, "ice", 1 of the circle, 1 that is not asked


@pytest.mark.skipif(not QUESTIONS.exists(), reason="shared/data/tifa160-and-dsg is not here")
def test_dsg_and_tifa_rate_the_same_images() -> None:
    rated = find_benchmarks()["dsg"].load(QUESTIONS).items["points"]
    tifa = find_benchmarks()["tifa160"].load(QUESTIONS).items["points"]
    assert {item.images for item in rated} == {item.images for item in tifa}
    assert Counter(len(item.opinions["consistency"].ratings) for item in rated) == {5: 796, 4: 3, 3: 1}
    assert dsg.unused_dependencies(QUESTIONS) == 44 + 10 + 8 + 4


def test_attributes_keep_raters_and_leave_out_what_nobody_found_relevant(load: Made) -> None:
    found = load("attributes")
    (pair,), (point,) = found["pairs"], found["points"]
    assert set(pair.preferences) == {"aesthetics", "overall"}
    aesthetics, overall = pair.preferences["aesthetics"], pair.preferences["overall"]
    assert (aesthetics.preferred, aesthetics.gap, aesthetics.votes) == ("a", 1.5, {"anna": "a", "ben": "a"})
    assert (overall.preferred, overall.gap, overall.votes) == ("tie", 0.0, {"anna": "b", "ben": "a"})
    assert point.opinions["anatomy"].ratings == {"anna": None, "ben": 2.0}
    assert (point.opinions["anatomy"].mean, point.opinions["anatomy"].deviation) == (2.0, None)


def test_attributes_read_csv_alike(load: Made, tmp_path: Path) -> None:
    (pair,) = load("attributes")["pairs"]
    (tmp_path / "ratings.jsonl").unlink()
    rows = [
        ("7", "a cat left of a dog", "images/7a.png", "images/7b.png", "anna", 2, "not relevant", -1),
        ("7", "a cat left of a dog", "images/7a.png", "images/7b.png", "ben", 1, "", 1),
    ]
    table(tmp_path / "ratings.csv", "id,prompt,image_a,image_b,rater,aesthetics,style,overall", rows)
    assert again("attributes", tmp_path).items["pairs"] == (pair,)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ratings": {"overall": 3}}, r"line 1: expected overall of pairs from -2 to 2, got 3"),
        ({"ratings": {"beauty": 1}}, r"line 1: expected ratings of aesthetics, .*, got 'beauty'"),
        ({"ratings": {"overall": "much"}}, r"line 1: expected overall to be a number, got 'much'"),
    ],
)
def test_attributes_refuse_other_ratings(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    row = {"id": "7", "prompt": "a cat", "image_a": "a.png", "image_b": "b.png", "rater": "anna"}
    lines(tmp_path / "ratings.jsonl", [row | change])
    with pytest.raises(UsageError, match=told):
        again("attributes", tmp_path)


def test_attributes_refuse_two_ratings_of_one_rater(load: Made, tmp_path: Path) -> None:
    load("attributes")
    rows = (tmp_path / "ratings.jsonl").read_text().splitlines()
    (tmp_path / "ratings.jsonl").write_text("\n".join([*rows, rows[0]]))
    with pytest.raises(UsageError, match=r"line 5: 'anna' rated aesthetics of '7' before"):
        again("attributes", tmp_path)


def test_edits_have_sources_and_all_factors(load: Made) -> None:
    first, second = load("edit-judge-12factor")["points"]
    assert first.sources == ("source/HumanEdit_Remove_0_abc.jpg",)
    assert (first.facets, second.facets) == ({"category": "Remove"}, {"category": "Add"})
    assert len(first.opinions) == 13
    assert first.opinions["overall"].mean == 2.5  # 1 + (12 + 4) % 7 = 3 and 1 + (12 + 3) % 7 = 2


@pytest.mark.parametrize("how", ["cut", "overwritten", "no archive"])
def test_a_broken_archive_is_one_line(how: str, load: Made, tmp_path: Path) -> None:
    load("agiqa3k")
    path = tmp_path / "agiqa3k_mos.csv.gz"
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-20], "overwritten": data[:60] + b"\xff" * 80, "no archive": b"name,prompt"}[how])
    with pytest.raises(UsageError, match=r"^agiqa3k_mos\.csv\.gz.*get it again$"):
        again("agiqa3k", tmp_path)


def test_text_that_is_not_csv_is_one_line(load: Made, tmp_path: Path) -> None:
    load("evalmi50k")
    path = tmp_path / "evalmi50k_mos.csv"
    path.write_text(path.read_text() + f'"{"x" * 200_000}",1,1,1,,,\n')
    with pytest.raises(UsageError, match=r"evalmi50k_mos\.csv, line \d+: not CSV \(field larger"):
        again("evalmi50k", tmp_path)
