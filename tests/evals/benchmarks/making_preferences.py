"""Tiny data of benchmarks of preferences, and of one's own, in the layouts of the real files; all of it made up."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from making_mean_opinions import Counts, lines


def listed(path: Path, rows: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> None:
    """Write one JSON value."""
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def psr(folder: Path) -> Counts:
    """Three pairs that the filter keeps, one of them a tie, and two that it drops."""
    votes = {
        ("remove the dog", "dog.jpg", "dog_1.jpg", "dog_2.jpg"): ["a", "a", "b", "a"],
        ("brighten it", "dark.jpg", "dark_1.jpg", "dark_2.jpg"): ["right", "right", "tie"],
        ("brighten it", "dark.jpg", "dark_1.jpg", "dark_3.jpg"): ["b", "b"],
        ("make it old", "new.jpg", "new_1.jpg", "new_2.jpg"): ["tie", "tie", "tie", "a"],
        ("make it old", "new.jpg", "new_1.jpg", "new_3.jpg"): ["tie", "a", "b", "a"],
    }
    rows = [
        {"instruction": request, "source_image": source, "image_a": a, "image_b": b, "vote": vote, "annotator": f"w{n}"}
        for (request, source, a, b), given in votes.items()
        for n, vote in enumerate(given)
    ]
    lines(folder / "votes.jsonl", rows)
    return {"pairs": {"items": 2, "clusters": 2, "images": 4, "sources": 2, "ties": 0}}


def mjbench(folder: Path) -> Counts:
    for part in ("alignment", "safety", "quality"):
        rows = [
            {
                "caption": f"{part} of {number // 2}",
                "image0": f"images/{part}/{number}_0.jpg",
                "image1": f"images/{part}/{number}_1.jpg",
                "label": number % 2 if part == "safety" else 0,
                "info": json.dumps({"category": f"kind {number % 2}"}) if part == "alignment" else "",
            }
            for number in range(4)
        ]
        lines(folder / f"default-{part}.jsonl", rows)
    each = {"items": 4, "clusters": 2, "images": 8, "ties": 0}
    return {"alignment": each, "safety": each, "quality": each, "composition": {"items": 0}}


def mjbench_artifacts(folder: Path) -> Counts:
    rows = [
        {
            "id": f"mj_{number}",
            "subset": "human",
            "caption": f"A person at work, {number}.",
            "image_a": f"images/pair_{number}_a.jpg",
            "image_b": f"images/pair_{number}_b.jpg",
            "preferred": "ab"[number % 2],
            "distorted_part": "face",
            "label_kind": "by construction",
            "published_scores": {"some scorer": {"a": 0.1, "b": 0.2}},
        }
        for number in range(3)
    ]
    lines(folder / "pairs.jsonl", rows)
    return {"pairs": {"items": 3, "clusters": 3, "images": 6}}


def genai_bench(folder: Path) -> Counts:
    votes = ("leftvote", "rightvote", "tievote", "bothbad_vote", "leftvote")
    generation = [
        {
            "prompt": f"a picture of {number // 2} pears",
            "left_model": "painter",
            "right_model": "drawer",
            "left_image": f"images/{number}_left.jpg",
            "right_image": f"images/{number}_right.jpg",
            "vote_type": vote,
        }
        for number, vote in enumerate(votes)
    ]
    lines(folder / "image_generation-test_v1.jsonl", generation)
    edition = [
        {
            "source_prompt": "a street",
            "target_prompt": "a street with a taxi",
            "instruct_prompt": "add a taxi",
            "source_image": "images/street.jpg",
            "left_output_image": f"images/street_{number}_left.jpg",
            "right_output_image": f"images/street_{number}_right.jpg",
            "left_model": "painter",
            "right_model": "drawer",
            "vote_type": vote,
        }
        for number, vote in enumerate(votes[:3])
    ]
    lines(folder / "image_edition-test_v1.jsonl", edition)
    return {
        "image_generation": {"items": 5, "clusters": 3, "images": 10, "ties": 2},
        "image_edition": {"items": 3, "clusters": 1, "images": 6, "sources": 1, "ties": 1},
    }


def mmrb2(folder: Path) -> Counts:
    def pair(number: int, prompt: list[list[str]], ratings: list[int]) -> dict[str, Any]:
        return {
            "id": f"some_{number}",
            "prompt_content": prompt,
            "prompt_source": "some",
            "prompt_metadata": {"id": number // 2, "category": "counting"},
            **{
                f"response_{letter}": {
                    "model_name": model,
                    "response_content": [["image", f"images/some_{number}_{at}.jpg"], ["text", "Here it is."]],
                }
                for at, (letter, model) in enumerate({"a": "painter", "b": "drawer"}.items())
            },
            "chosen": "A" if sum(ratings) > 10 else "B",
            "human_annotations": ratings,
        }

    generation = [pair(number, [["text", f"{number // 2} pears"]], [6, 3, 5]) for number in range(3)]
    listed(folder / "t2i.json", {"pairs": generation})
    prompt = [
        ["text", "Put the dog of"],
        ["image", "input_images/dog.jpg"],
        ["text", "into"],
        ["image", "input_images/car.jpg"],
    ]
    lines(folder / "edit-test.jsonl", [_as_on_the_hub(pair(number, prompt, [1, 2, 4])) for number in range(2)])
    return {
        "t2i": {"items": 3, "clusters": 2, "images": 6},
        "edit": {"items": 2, "clusters": 1, "images": 4, "sources": 2},
    }


def _as_on_the_hub(pair: dict[str, Any]) -> dict[str, Any]:
    """The same pair with texts that hold places of images, and JSON in texts."""

    def parts(content: list[list[str]]) -> tuple[str, list[str]]:
        images = [value for kind, value in content if kind == "image"]
        texts = [value if kind == "text" else f"<image_{images.index(value) + 1}>" for kind, value in content]
        return " ".join(texts), images

    text, images = parts(pair["prompt_content"])
    row = {"pair_id": pair["id"], "prompt_text": text, "prompt_images": images, "chosen": pair["chosen"].lower()}
    for letter in "ab":
        response = pair[f"response_{letter}"]
        answer, shown = parts(response["response_content"])
        row |= {f"response_{letter}_text": answer, f"response_{letter}_images": shown}
        row[f"response_{letter}_model"] = response["model_name"]
    told = {name: json.dumps(pair[name]) for name in ("prompt_metadata", "human_annotations")}
    return row | told | {"prompt_source": pair["prompt_source"]}


def editreward_bench(folder: Path) -> Counts:
    def rows(part: str, letters: str, ranking: str) -> list[dict[str, Any]]:
        return [
            {
                "id": f"g{part[0]}-{group}_{first}vs{second}",
                "instruction": f"paint door {group} red",
                "source_image": f"images/door_{group}.jpg",
                "candidate_1": f"images/door_{group}_{first}.jpg",
                "candidate_2": f"images/door_{group}_{second}.jpg",
                "ranking": f"{first}>{second}" if ranking.find(first) < ranking.find(second) else f"{second}>{first}",
                "comparison_type": f"{first}vs{second}",
                "score_1": 8.0 - 2 * ranking.find(first),
                "score_2": 8.0 - 2 * ranking.find(second),
                "model_1": f"model {first}",
                "model_2": f"model {second}",
                "dataset": part,
            }
            for group in range(2)
            for first, second in combinations(letters, 2)
        ]

    two = rows("2pair", "AB", "BA")
    tied = {"id": "g2-2_AvsB", "ranking": "A=B=Good", "score_1": 7, "score_2": 7, "instruction": "paint it blue"}
    lines(folder / "2pair-train.jsonl", [*two, two[0] | tied])
    lines(folder / "3pair-train.jsonl", rows("3pair", "ABC", "CAB"))
    lines(folder / "4pair-train.jsonl", rows("4pair", "ABCD", "DBAC"))
    return {
        "2pair": {"items": 3, "clusters": 3, "groups": 0, "ties": 1},
        "3pair": {"items": 6, "clusters": 2, "groups": 2, "images": 6, "sources": 2, "ties": 0},
        "4pair": {"items": 12, "clusters": 2, "groups": 2, "images": 8},
    }


def hpdv2(folder: Path) -> Counts:
    rows = [
        {
            "prompt": f"{number} pears",
            "image_path": [f"{number:05}_{at}.jpg" for at in range(3)],
            "rank": ranks,
            "raw_annotations": [{"rank": ranks, "user_hash": "x"}],
        }
        for number, ranks in enumerate([[0, 1, 2], [2, 1, 1]])
    ]
    listed(folder / "test.json", rows)
    return {"pairs": {"items": 6, "clusters": 2, "images": 6, "ties": 1}}


def hpdv3(folder: Path) -> Counts:
    rows = [
        {
            "prompt": f"{number // 2} pears",
            "path1": f"images/{number}_better.jpg",
            "path2": f"images/{number}_worse.jpg",
            "model1": "painter",
            "model2": "photograph",
            "confidence": 0.97,
            "choice_dist": [9, 2],
        }
        for number in range(8)
    ]
    listed(folder / "test.json", rows)
    return {"pairs": {"items": 8, "clusters": 4, "images": 16, "ties": 0}}


def pickapic(folder: Path) -> Counts:
    rows = [
        {
            "caption": f"{number} pears",
            "jpg_0": f"images/default/{number}_0.jpg",
            "jpg_1": f"images/default/{number}_1.jpg",
            "image_0_uid": f"u{number}0",
            "image_1_uid": f"u{number}1",
            "label_0": label,
            "label_1": 1 - label,
            "has_label": True,
            "model_0": "painter",
            "model_1": "drawer",
            "ranking_id": number,
        }
        for number, label in enumerate([1.0, 0.0, 0.5])
    ]
    del rows[2]["jpg_0"], rows[2]["jpg_1"]
    lines(folder / "default-test_unique.jsonl", rows)
    return {"pairs": {"items": 3, "clusters": 3, "images": 6, "ties": 1}}


def material(folder: Path) -> Counts:
    rows = [
        {
            "id": f"mattri_{number}",
            "reference": f"images/mat_{number % 2}.jpg",
            "image_a": "images/mat_2.jpg",
            "image_b": "images/mat_3.jpg",
            "votes_a": a,
            "votes_b": b,
        }
        for number, (a, b) in enumerate([(3, 0), (1, 4), (2, 2)])
    ]
    lines(folder / "triplets.jsonl", rows)
    return {"pairs": {"items": 3, "clusters": 2, "images": 2, "sources": 2, "ties": 1}}


def own(folder: Path) -> Counts:
    pair = {"prompt": "two cats", "images": ["a.png", "b.png"]}
    rows: list[dict[str, Any]] = [
        {"id": "one", "prompt": "a cat", "image": "a.png", "score": 3.5, "generator": "painter"},
        {"id": "two", "prompt": "a cat", "image": "b.png", "ratings": {"quality": {"x": 1, "y": None, "z": 4}}},
        {**pair, "preferred": "both_bad", "_note": "seen twice"},
        {**pair, "votes": {"x": "a", "y": "a", "z": "tie"}, "source": "s.png", "facets": {"kind": "cats"}},
        {**pair, "preferred": {"quality": "a"}, "gap": {"quality": 0.5}, "group": "g", "prompt_id": 7},
        {
            "prompt": "a red cat",
            "image": "a.png",
            "score": 2,
            "questions": [
                {"text": "Is there a cat?", "answer": "yes"},
                {"text": "Is it red?", "depends_on": "q1", "answer": "no"},
            ],
        },
    ]
    lines(folder / "items.jsonl", rows)
    return {
        "points": {"items": 3, "clusters": 2, "images": 2},
        "pairs": {"items": 2, "clusters": 1, "sources": 1, "ties": 1},
        "groups": {"items": 1, "groups": 1},
        "questions": {"items": 1, "questions": 2},
    }


MAKERS: Mapping[str, Callable[[Path], Counts]] = {
    "psr": psr,
    "mjbench": mjbench,
    "mjbench-artifacts": mjbench_artifacts,
    "genai-bench": genai_bench,
    "mmrb2": mmrb2,
    "editreward-bench": editreward_bench,
    "hpdv2": hpdv2,
    "hpdv3": hpdv3,
    "pickapic-v1": pickapic,
    "pickapic-v2": pickapic,
    "material": material,
    "jsonl": own,
}
"""Benchmark → what writes at most 20 rows of it into a folder, and returns what must be counted there."""

REAL: Mapping[str, tuple[str, ...]] = {
    "mjbench-artifacts": ("mjbench-artifacts",),
    "mmrb2": ("other-preference-labels",),
    "material": ("material-similarity",),
}
"""Benchmark → the folder of shared/data with the real files, and the parts that it has (none named: all)."""
