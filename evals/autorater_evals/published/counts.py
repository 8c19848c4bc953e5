"""ImageReward's test set, counted: prompts, images, pairs with a better one, tied pairs, distinct prompt texts."""

from itertools import combinations
from pathlib import Path

from autorater_evals.benchmarks._tables import json_lines, need
from autorater_evals.published.folders import Note, file_in
from autorater_evals.published.numbers import IMAGEREWARD
from autorater_evals.published.row import Row

FOLDER = "other-preference-labels"
FILES = ("imagereward_test.jsonl",)


def rows(folder: Path, note: Note) -> list[Row]:
    """Five counts. Two generations of one prompt are a pair when their human ranks differ, else a tied pair."""
    path = file_in(folder, FILES[0])
    if path is None:
        return []
    texts: list[str] = []
    ranks: list[list[int]] = []
    for line, row in json_lines(path):
        texts.append(need(row, "prompt", str, path=path, line=line))
        ranks.append(need(row, "ranking", list, path=path, line=line))
        images = need(row, "generations", list, path=path, line=line)
        if len(images) != len(ranks[-1]):
            note(f"ImageReward: {path.name}, line {line}: {len(images)} generations, {len(ranks[-1])} ranks")
    pairs = [one != other for ranking in ranks for one, other in combinations(ranking, 2)]
    counted = {
        "prompts": len(texts),
        "images": sum(map(len, ranks)),
        "pairs": sum(pairs),
        "tied_pairs": len(pairs) - sum(pairs),
        "prompt_texts": len(set(texts)),
    }
    return [
        Row(
            table="ImageReward",
            task="test",
            judge="humans",
            measure=measure,
            value=value,
            n=value,
            published=IMAGEREWARD[measure],
        )
        for measure, value in counted.items()
    ]
