"""GenAI-Bench (TIGER): votes of people on pairs of generations and of edits, with two kinds of ties."""

from collections.abc import Iterator
from pathlib import Path

from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import find_parts, json_rows, need, place
from autorater_evals.item import Item, Preference

FILES = {
    part: (f"{part}-test_v1.jsonl", f"{part}.jsonl", f"{part}.jsonl.gz", f"{part}.json")
    for part in ("image_generation", "image_edition")
}
VOTES = {
    "leftvote": Preference(preferred="a"),
    "rightvote": Preference(preferred="b"),
    "tievote": Preference(preferred="tie", both="good"),
    "bothbad_vote": Preference(preferred="tie", both="bad"),
}
FIELDS = {
    "image_generation": ("prompt", "left_image", "right_image"),
    "image_edition": ("instruct_prompt", "left_output_image", "right_output_image"),
}


def load(folder: Path) -> Iterator[Item]:
    """One item a vote. Raises UsageError for a vote that is none of the four, and for the files without images."""
    for part, path in find_parts(folder, FILES).items():
        prompt_field, left, right = FIELDS[part]
        edit = part == "image_edition"
        for line, row in json_rows(path):
            if "vote_type" not in row and "human_vote" in row:
                raise UsageError(
                    f"{place(path, line)}: these are the votes without images, which nobody can judge: get the images, "
                    "or recompute the published table with `autorater eval published`"
                )
            vote = need(row, "vote_type", str, path=path, line=line)
            if vote not in VOTES:
                raise UsageError(f"{place(path, line)}: expected vote_type to be {', '.join(VOTES)}, got {vote[:40]!r}")
            prompt = need(row, prompt_field, str, path=path, line=line)
            yield Item(
                id=f"{part}/{line - 1}",
                part=part,
                prompt=prompt,
                images=(need(row, left, str, path=path, line=line), need(row, right, str, path=path, line=line)),
                sources=(need(row, "source_image", str, path=path, line=line),) if edit else (),
                cluster=prompt,
                generators=tuple(str(row.get(name) or "unknown") for name in ("left_model", "right_model")),
                preferences={"overall": VOTES[vote]},
            )
