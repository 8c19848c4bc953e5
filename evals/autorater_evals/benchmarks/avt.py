"""AVT-AI-Image-Dataset: 1-5 means of four dimensions for AI-generated images, and pairs of one prompt."""

from collections.abc import Iterator
from pathlib import Path

from autorater_evals.benchmarks._tables import find, json_lines, need, number
from autorater_evals.item import Item, Opinion, Preference, side_of

MEANS = {
    "appeal": "appeal_mean",
    "realism": "realism_mean",
    "prompt_matching": "prompt_matching_mean",
    "quality": "quality_mean_study2",
}
DEVIATIONS = {"appeal": "appeal_std", "quality": "quality_std_study2"}
KNOWN = {*MEANS.values(), *DEVIATIONS.values()}


def load(folder: Path) -> Iterator[Item]:
    """The generated images as points, then the pairs; the photographs have no prompt and are left out."""
    path = find(folder, "items.jsonl")
    generators: dict[str, str] = {}
    for line, row in json_lines(path):
        human = {
            name: number(value, path=path, line=line, name=f"human.{name}")
            for name, value in need(row, "human", dict, path=path, line=line).items()
            if value is not None and name in KNOWN
        }
        image = need(row, "image", str, path=path, line=line)
        generators[image] = str(row.get("generator") or "photograph")
        prompt = str(row.get("prompt") or "")
        if not prompt or not row.get("ai_generated", True):
            continue  # the real photographs have no prompt to be judged by
        yield Item(
            id=f"points/{need(row, 'id', str, path=path, line=line)}",
            part="points",
            prompt=prompt,
            images=(image,),
            cluster=str(row.get("prompt_id") or prompt),
            generators=(generators[image],),
            facets={"category": str(row.get("prompt_category") or "none")},
            opinions={
                name: Opinion(mean=human[field], deviation=human.get(DEVIATIONS.get(name, "")))
                for name, field in MEANS.items()
                if field in human
            },
        )
    path = find(folder, "pairs.jsonl")
    for line, row in json_lines(path):
        first, second = (need(row, name, str, path=path, line=line) for name in ("image_a", "image_b"))
        gaps = {
            name: number(gap, path=path, line=line, name=f"diff_a_minus_b.{name}")
            for name, gap in need(row, "diff_a_minus_b", dict, path=path, line=line).items()
            if gap is not None
        }
        yield Item(
            id=f"pairs/{need(row, 'id', str, path=path, line=line)}",
            part="pairs",
            prompt=need(row, "prompt", str, path=path, line=line),
            images=(first, second),
            cluster=str(row.get("prompt_id") or row["prompt"]),
            generators=tuple(generators.get(image, "unknown") for image in (first, second)),
            preferences={name: Preference(preferred=side_of(gap), gap=gap) for name, gap in gaps.items()},
        )
