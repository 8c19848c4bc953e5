"""Loaders of preferences: who is preferred, whichever layout, order and words the files have."""

import csv
import json
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import making_preferences as making
import pytest
from making_mean_opinions import lines

from autorater.errors import UsageError
from autorater_evals.benchmark import get_benchmark
from autorater_evals.benchmarks import psr
from autorater_evals.item import Item

DATA = Path(__file__).parents[4] / "shared" / "data"


def load(name: str, folder: Path) -> list[Item]:
    found = get_benchmark(name).load(folder, any_count=True)
    return [item for items in found.items.values() for item in items]


def winner(item: Item) -> str:
    """The image that people prefer, or "tie"."""
    side = item.preferences["overall"].preferred
    return "tie" if side == "tie" else item.images["ab".index(side)]


def vote(a: str = "1.jpg", b: str = "2.jpg", **fields: Any) -> dict[str, Any]:
    return {"instruction": "brighten it", "source_image": "0.jpg", "image_a": a, "image_b": b, **fields}


def test_psr_keeps_what_the_definition_keeps(tmp_path: Path) -> None:
    """All outcomes of up to six votes: at least half of them for the mode, and two more than for the next."""
    counts = [given for given in product(range(7), repeat=3) if 1 <= sum(given) <= 6]
    rows = [
        vote(f"{n}_1.jpg", f"{n}_2.jpg", votes_a=a, votes_b=b, votes_tie=tie) for n, (a, b, tie) in enumerate(counts)
    ]
    lines(tmp_path / "votes.jsonl", rows)
    expected: dict[str, str] = {}
    for n, (a, b, tie) in enumerate(counts):
        (most, who), (second, _), _ = sorted(((a, "1"), (b, "2"), (tie, "tie")), reverse=True)
        if most >= sum((a, b, tie)) / 2 and most - second >= 2 and who != "tie":
            expected[f"{n}_{who}.jpg"] = who
    kept = load("psr", tmp_path)
    assert {winner(item) for item in kept} == set(expected)
    assert len(kept) == len(expected)
    assert {item.preferences["overall"].preferred for item in kept} == {"a", "b"}
    every = psr.pairs(tmp_path)
    assert len(every) == len(counts)
    ties = [given for given in counts if given[2] >= max(given[:2]) + 2 and given[2] >= sum(given[:2])]
    assert sum(pair.decided == "tie" for pair in every) == len(ties)


def test_psr_counts_a_vote_for_the_edit_and_not_for_the_side(tmp_path: Path) -> None:
    rows = [vote(vote="left"), vote("2.jpg", "1.jpg", vote="right"), vote(vote="tie"), vote("2.jpg", "1.jpg", vote="B")]
    lines(tmp_path / "votes.jsonl", [row | {"Annotator": name} for row, name in zip(rows, "xyzx", strict=True)])
    (item,) = load("psr", tmp_path)
    assert winner(item) == "1.jpg"
    assert item.sources == ("0.jpg",)
    said = Counter(item.preferences["overall"].votes.values())
    assert said == {item.preferences["overall"].preferred: 3, "tie": 1}
    assert set(item.preferences["overall"].votes) == {"x", "y", "z", "x (2)"}


def test_psr_reads_the_headings_of_the_known_card_as_csv(tmp_path: Path) -> None:
    heading = ["post_id", "Instruction", "source_image", "ai_edited_image", "human_edited_image", "winner"]
    with (tmp_path / "psr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([heading, *[["p1", "make it old", "0.jpg", "ai.jpg", "man.jpg", "human"]] * 2])
    (item,) = load("psr", tmp_path)
    assert winner(item) == "man.jpg"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (vote(vote=1), "line 1: expected a vote of 'a', 'b' or 'tie' (or left, ai, human), got '1'"),
        (vote(), "line 1: expected a vote (vote, winner,"),
        (vote(votes_a=1, votes_b=2.5), "expected counts of votes, got [1.0, 2.5, 0]"),
        ({"instruction": "x", "image_a": "1", "image_b": "2", "vote": "a"}, "no column of the source image or text"),
    ],
)
def test_psr_says_what_it_does_not_understand(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    lines(tmp_path / "votes.jsonl", [row])
    with pytest.raises(UsageError) as caught:
        load("psr", tmp_path)
    assert told in str(caught.value)


def test_mjbench_prefers_the_better_image_in_either_place(tmp_path: Path) -> None:
    rows = [
        {"caption": f"{n} pears", "image0": f"{n}_good.jpg", "image1": f"{n}_bad.jpg", "label": 0} for n in range(40)
    ]
    lines(tmp_path / "default-quality.jsonl", rows)
    lines(tmp_path / "default-bias.jsonl", [{"caption": "a doctor", "image0": "d.jpg", "image1": "d.jpg", "label": 0}])
    items = load("mjbench", tmp_path)
    assert [winner(item) for item in items] == [f"{n}_good.jpg" for n in range(40)]
    places = Counter(item.preferences["overall"].preferred for item in items)
    assert min(places["a"], places["b"]) >= 12
    assert {item.part for item in items} == {"quality"}  # the bias file has no pairs, see the card


def test_mjbench_takes_facets_from_info(tmp_path: Path) -> None:
    row = {"caption": "x", "image0": "0.jpg", "image1": "1.jpg", "label": "image_1"}
    infos = [{"category": "object"}, '{"subcategory": "count"}', "{not json", "free text", None]
    lines(tmp_path / "default-alignment.jsonl", [row | {"info": info} for info in infos])
    items = load("mjbench", tmp_path)
    assert [item.facets for item in items] == [{"category": "object"}, {"subcategory": "count"}, {}, {}, {}]
    assert {winner(item) for item in items} == {"1.jpg"}
    lines(tmp_path / "default-alignment.jsonl", [row | {"label": 2}])
    with pytest.raises(UsageError, match=r"line 1: expected label 0 \(image0 is better\) or 1, got '2'"):
        load("mjbench", tmp_path)


def test_hpdv3_prefers_the_first_path_in_either_place(tmp_path: Path) -> None:
    making.hpdv3(tmp_path)
    items = load("hpdv3", tmp_path)
    assert [winner(item) for item in items] == [f"images/{n}_better.jpg" for n in range(8)]
    assert {item.preferences["overall"].preferred for item in items} == {"a", "b"}
    for item in items:
        side = item.preferences["overall"].preferred
        assert Counter(item.preferences["overall"].votes.values()) == {side: 9, "ab".replace(side, ""): 2}
        assert item.generators["ab".index(side)] == "painter"
    shares = [json.loads((tmp_path / "test.json").read_text())[0] | {"choice_dist": [0.9, 0.1]}]
    making.listed(tmp_path / "test.json", shares)
    assert load("hpdv3", tmp_path)[0].preferences["overall"].votes == {}


def test_genai_bench_tells_four_labels(tmp_path: Path) -> None:
    making.genai_bench(tmp_path)
    told = [item.preferences["overall"] for item in load("genai-bench", tmp_path)]
    assert [(one.preferred, one.both) for one in told[:4]] == [("a", ""), ("b", ""), ("tie", "good"), ("tie", "bad")]


def test_genai_bench_refuses_votes_without_images() -> None:
    if not DATA.exists():
        pytest.skip("shared/data is not here")
    with pytest.raises(UsageError, match="votes without images"):
        load("genai-bench", DATA / "genai-bench-votes")


def test_mmrb2_says_where_images_stood_and_turns_ratings_into_votes(tmp_path: Path) -> None:
    making.mmrb2(tmp_path)
    generation, *_, edit = load("mmrb2", tmp_path)
    assert edit.prompt == "Put the dog of [image 1] into [image 2]"
    assert edit.sources == ("input_images/dog.jpg", "input_images/car.jpg")
    assert edit.preferences["overall"].votes == {"rater 1": "b", "rater 2": "b", "rater 3": "a"}
    assert edit.preferences["overall"].gap == pytest.approx(7 / 3 - 3.5)
    assert generation.prompt == "0 pears"
    assert (winner(generation), winner(edit)) == ("images/some_0_0.jpg", "images/some_1_1.jpg")
    assert generation.generators == ("painter", "drawer")


def test_mmrb2_of_labels_alone_names_the_images_and_agrees_with_the_majority() -> None:
    if not DATA.exists():
        pytest.skip("shared/data is not here")
    items = load("mmrb2", DATA / "other-preference-labels")
    first = next(item for item in items if item.part == "edit")
    assert first.images[1] == f"images/{first.id.removeprefix('edit/')}_1.jpg"
    for item in items:
        told = item.preferences["overall"]
        assert Counter(told.votes.values()).most_common(1)[0][0] == told.preferred
        assert (told.gap or 0) * (1 if told.preferred == "a" else -1) > 0


@pytest.mark.parametrize(
    ("ranking", "compared", "side", "both"),
    [
        ("A>B", "AvsB", "a", ""),
        ("B>A", "AvsB", "b", ""),
        ("C>A", "AvsC", "b", ""),
        ("D > B > A > C", "BvsC", "a", ""),
        ("A=B", "AvsB", "tie", ""),
        ("A=B=Good", "AvsB", "tie", "good"),
        ("a=b=bad", "AvsB", "tie", "bad"),
    ],
)
def test_editreward_bench_reads_rankings(tmp_path: Path, ranking: str, compared: str, side: str, both: str) -> None:
    images = {"source_image": "s.jpg", "candidate_1": "1.jpg", "candidate_2": "2.jpg"}
    row = {"id": f"g1_{compared}", "instruction": "x", "ranking": ranking, "comparison_type": compared, **images}
    lines(tmp_path / "3pair-train.jsonl", [row])
    (item,) = load("editreward-bench", tmp_path)
    assert (item.preferences["overall"].preferred, item.preferences["overall"].both) == (side, both)
    assert item.group == "g1"
    lines(tmp_path / "3pair-train.jsonl", [row | {"ranking": "E>F"}])
    with pytest.raises(UsageError, match="line 1: expected a ranking of"):
        load("editreward-bench", tmp_path)


def test_hpdv2_makes_every_pair_once(tmp_path: Path) -> None:
    making.hpdv2(tmp_path)
    items = load("hpdv2", tmp_path)
    ranks = {
        f"test/{n:05}_{at}.jpg": rank for n, given in enumerate([[0, 1, 2], [2, 1, 1]]) for at, rank in enumerate(given)
    }
    assert len({frozenset(item.images) for item in items}) == 6
    for item in items:
        better = min(item.images, key=lambda image: ranks[image])
        assert winner(item) == ("tie" if len({ranks[image] for image in item.images}) == 1 else better)


def test_pickapic_names_images_by_their_id_where_no_file_is_given(tmp_path: Path) -> None:
    making.pickapic(tmp_path)
    items = load("pickapic-v1", tmp_path)
    assert [winner(item) for item in items] == ["images/default/0_0.jpg", "images/default/1_1.jpg", "tie"]
    assert items[2].images == ("images/u20.jpg", "images/u21.jpg")
    rows = [json.loads(line) for line in (tmp_path / "default-test_unique.jsonl").read_text().splitlines()]
    lines(tmp_path / "default-test_unique.jsonl", [rows[0] | {"label_1": 1}])
    with pytest.raises(UsageError, match=r"line 1: expected labels of 1 and 0, or .* got 1 and 1"):
        load("pickapic-v1", tmp_path)


def test_a_part_can_be_given_as_its_file(tmp_path: Path) -> None:
    making.genai_bench(tmp_path)
    loaded = get_benchmark("genai-bench").load(tmp_path / "image_edition-test_v1.jsonl", any_count=True)
    assert {name: len(items) for name, items in loaded.items.items()} == {"image_generation": 0, "image_edition": 3}
