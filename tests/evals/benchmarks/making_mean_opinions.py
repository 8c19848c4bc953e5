"""Tiny data of benchmarks of mean opinions and questions, in the layouts of the real files; all of it made up."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Counts = Mapping[str, Mapping[str, int]]


def lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def table(path: Path, heading: str, rows: Sequence[Sequence[object]]) -> None:
    """Write CSV, gzipped where the name says so; `heading` has the columns with commas between."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([heading.split(","), *rows])
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def avt(folder: Path) -> Counts:
    items = [
        {
            "id": f"{generator}_p{prompt}",
            "image": f"images/{generator}_p{prompt}.jpg",
            "prompt_id": f"p{prompt}",
            "prompt": f"a picture of {prompt} pears",
            "ai_generated": True,
            "generator": generator,
            "prompt_category": "food",
            "human": {"appeal_mean": 2.5 + prompt / 8, "appeal_std": 0.9, "realism_mean": 3.0},
        }
        for prompt in (1, 2)
        for generator in ("painter", "drawer")
    ]
    photograph = {"id": "photo_1", "image": "images/photo_1.jpg", "ai_generated": False, "human": {"appeal_mean": 4.0}}
    lines(folder / "items.jsonl", [*items, photograph])
    pairs = [
        {
            "id": f"pair_{prompt}",
            "prompt": f"a picture of {prompt} pears",
            "prompt_id": f"p{prompt}",
            "image_a": f"images/painter_p{prompt}.jpg",
            "image_b": f"images/drawer_p{prompt}.jpg",
            "diff_a_minus_b": {"appeal": 0.5 * (prompt - 1), "realism": -1.0},
        }
        for prompt in (1, 2)
    ]
    lines(folder / "pairs.jsonl", pairs)
    return {
        "points": {"items": 4, "clusters": 2, "images": 4},
        "pairs": {"items": 2, "clusters": 2, "images": 4, "ties": 1},
    }


def imagereward(folder: Path) -> Counts:
    rows = [
        {
            "id": f"00000{number}-0001",
            "prompt": prompt,
            "generations": [f"part-1/{number}/{image}.webp" for image in range(len(ranks))],
            "ranking": ranks,
        }
        for number, (prompt, ranks) in enumerate([("two cats", [1, 2, 2, 5]), ("two cats", [3, 1]), ("fog", [2, 2, 1])])
    ]
    (folder / "test.json").write_text(json.dumps(rows, indent=1))
    ratings = [
        {
            "image_path": f"images/test/test_1/{image}.webp",
            "prompt_id": "000000-0001",
            "prompt": "two cats",
            "classification": "Animals",
            "image_amount_in_total": 4,
            "rank": rank,
            "overall_rating": 7 - rank,
            "image_text_alignment_rating": 6,
            "fidelity_rating": 5,
        }
        for image, rank in enumerate((1, 2, 2, 5))
    ]
    lines(folder / "metadata-test.jsonl", ratings)
    return {
        "pairs": {"items": 5 + 1 + 2, "clusters": 2, "prompts": 2, "images": 9},
        "points": {"items": 4, "clusters": 1, "images": 4},
    }


def aigiqa20k(folder: Path) -> Counts:
    names = [f"{generator}_{number:04}.png" for generator in ("SDXL", "LCM") for number in (1, 2)]
    table(folder / "info_test.csv", "Name,Prompt", [(name, f"a {name[-5]} on a door") for name in names])
    table(folder / "data.csv", "name,prompt,mos", [(name, "-", 1.25 + place) for place, name in enumerate(names)])
    return {"points": {"items": 4, "clusters": 2, "images": 4}}


def agiqa3k(folder: Path) -> Counts:
    heading = "name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align"
    rows = [
        ("AttnGAN_normal_000.jpg", "statue, of a man", "", "", "", 0.97, 0.22, 0.41, 0.62),
        ("sd1.5_lowcorr_000.jpg", "statue, of a man", "cold color", "close-up", "anime style", 2.5, 0.5, 3.25, 0.75),
    ]
    table(folder / "agiqa3k_mos.csv.gz", heading, rows)
    return {"points": {"items": 2, "clusters": 1, "images": 2}}


def evalmi50k(folder: Path) -> Counts:
    prompts: list[dict[str, Any]] = [
        {"tag": "counting", "include": [{"class": "pear", "count": 2}], "prompt": "a photo of two pears"},
        {"tag": "counting + color + two_object + details", "include": [], "prompt": "two red pears and a blue plum"},
        {"tag": "color_attr + detail", "include": [], "prompt": "a red pear beside a blue plum"},
    ]
    lines(folder / "prompt_tasks.jsonl", prompts)
    rows = [
        (
            f"{generator}/{number:03}.png",
            40.5 + number,
            50.25,
            number % 2,
            *(["1", "0", "1"] if number == 2 else [""] * 3),
        )
        for generator in ("Janus", "hart")
        for number in (1, 2, 3)
    ]
    table(folder / "evalmi50k_mos.csv", "ImageName,MOS1,MOS2,Y/N,YN_1,YN_2,YN_3", rows)
    part = {"items": 6, "clusters": 3, "images": 6}
    return {"points": part, "questions": {**part, "questions": 6}}


def tifa160(folder: Path) -> Counts:
    rows = {
        f"coco_{number}_{generator}": {
            "text_id": f"coco_{number}",
            "image_path": f"coco_{number}_{generator}.jpg",
            "text": f"{number} bears",
            "human_scores": [number, 5],
            "human_avg": (number + 5) / 2,
        }
        for number in (2, 3)
        for generator in ("mini_dalle", "stable_diffusion_v1_1")
    }
    (folder / "human_annotations.json").write_text(json.dumps(rows, indent=2))
    return {"points": {"items": 4, "clusters": 2, "images": 4}}


def dsg(folder: Path) -> Counts:
    heading = (
        "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,"
        "question_natural_language"
    )

    def row(id: str, text: str, number: int, parents: str, question: str) -> tuple[object, ...]:
        return (id, text, "", number, parents, "entity", "whole", f"entity ({question})", question)

    rows = [
        row("whoops_5", "a red cube, on ice", 1, "0", "Is there a cube?"),
        row("whoops_5", "a red cube, on ice", 2, "1,4", "Is the cube on the ice?"),
        row("whoops_5", "a red cube, on ice", 3, "1,3", "Is the cube red?"),
        row("whoops_5", "a red cube, on ice", 4, "0,1, ice", "Is there ice?"),
        row("tifa160_0", "a tree", 1, "2", "Is there a tree?"),
        row("tifa160_0", "a tree", 2, "1", "Is it a tree?"),
        row("tifa160_1", "a cow\r\n", 2, "1", "Is the cow there?"),
    ]
    table(folder / "dsg-1k-anns.csv", heading, rows)
    ratings = [
        ("tifa160", generator, f"tifa160_{place}", f"coco_{place}", 4000 + rater, "How consistent?", 5 - rater)
        for generator in ("mini-dalle", "sd1dot5")
        for place in (0, 1)
        for rater in (0, 1, 2)
    ]
    table(
        folder / "tifa160-likert-anns.csv",
        "dsg_prompt_split,t2i_model,item_id,source_id,worker_id,question,answer",
        ratings,
    )
    return {
        "questions": {"items": 3, "clusters": 3, "images": 3, "questions": 7},
        "points": {"items": 4, "clusters": 2, "images": 4},
    }


def attributes(folder: Path) -> Counts:
    pair = {"prompt": "a cat left of a dog", "image_a": "images/7a.png", "image_b": "images/7b.png"}
    image = {"prompt": "a cat", "image": "images/8.png", "generator": "painter"}
    rows = [
        {"id": "7", **pair, "rater": "anna", "ratings": {"aesthetics": 2, "style": None, "overall": -1}},
        {"id": "7", **pair, "rater": "ben", "ratings": {"aesthetics": 1, "style": "not relevant", "overall": 1}},
        {"id": "8", **image, "rater": "anna", "ratings": {"aesthetics": 5, "anatomy": None, "overall": 4}},
        {"id": "8", **image, "rater": "ben", "ratings": {"aesthetics": 3, "anatomy": 2, "overall": 4}},
    ]
    lines(folder / "ratings.jsonl", rows)
    return {"pairs": {"items": 1, "clusters": 1, "images": 2, "ties": 1}, "points": {"items": 1, "images": 1}}


def edit_judge(folder: Path) -> Counts:
    from autorater_evals.benchmarks.edit_judge_12factor import FACTORS

    rows = [
        {
            "item": f"HumanEdit_{kind}_0_abc",
            "rater": rater,
            "instruction": f"{kind} the hat",
            "batch": 0,
            "scores": {name: 1 + (place + len(rater)) % 7 for place, name in enumerate(FACTORS)},
        }
        for kind in ("Remove", "Add")
        for rater in ("anna", "ben")
    ]
    lines(folder / "human_ratings.jsonl", rows)
    return {"points": {"items": 2, "clusters": 2, "images": 2, "sources": 2}}


def biq2021(folder: Path) -> Counts:
    rows = [
        {
            "id": f"biq_{number}",
            "image": f"images/{number}.jpg",
            "human": {"mos": number / 4},
            "source_file": "ss01 (1).jpg",
        }
        for number in range(4)
    ]
    lines(folder / "items.jsonl", rows)
    return {"points": {"items": 4, "clusters": 4, "images": 4}}


MAKERS: Mapping[str, Callable[[Path], Counts]] = {
    "avt": avt,
    "imagereward": imagereward,
    "aigiqa20k": aigiqa20k,
    "agiqa3k": agiqa3k,
    "evalmi50k": evalmi50k,
    "tifa160": tifa160,
    "dsg": dsg,
    "attributes": attributes,
    "edit-judge-12factor": edit_judge,
    "biq2021": biq2021,
}
"""Benchmark → what writes at most 20 rows of it into a folder, and returns what must be counted there."""

REAL: Mapping[str, tuple[str, ...]] = {
    "avt": ("avt-ai-images",),
    "imagereward": ("other-preference-labels", "pairs"),
    "agiqa3k": ("agiqa3k-labels",),
    "evalmi50k": ("other-preference-labels",),
    "tifa160": ("tifa160-and-dsg",),
    "dsg": ("tifa160-and-dsg",),
    "edit-judge-12factor": ("edit-judge-12factor",),
    "biq2021": ("biq2021-subset",),
}
"""Benchmark → the folder of shared/data with the real files, and the parts that it has (none named: all)."""
