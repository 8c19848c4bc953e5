"""AGIQA-3K: mean opinions of quality and of agreement with the prompt, for 2,982 generated images."""

import re
from collections.abc import Iterator
from pathlib import Path

from autorater.errors import UsageError
from autorater_evals.benchmarks._tables import csv_rows, find, number, place
from autorater_evals.item import Item, Opinion

COLUMNS = ("name", "prompt", "adj1", "adj2", "style", "mos_quality", "std_quality", "mos_align", "std_align")
_NAME = re.compile(r"(.+)_([a-z]+)_(\d+)\.\w+")
"""Generator, setting, number, as in sd1.5_lowcorr_012.jpg."""


def load(folder: Path) -> Iterator[Item]:
    """One item an image, in the order of the table."""
    path = find(folder, "data.csv", "agiqa3k_mos.csv", "agiqa3k_mos.csv.gz")
    for line, row in csv_rows(path, needs=COLUMNS):
        named = _NAME.fullmatch(row["name"])
        if named is None or not row["prompt"].strip():
            got = row["name"] if named is None else "no prompt"
            raise UsageError(
                f"{place(path, line)}: expected a prompt and a name like sd1.5_lowcorr_012.jpg, got {got[:40]!r}"
            )
        values = {name: number(row[name], path=path, line=line, name=name) for name in COLUMNS[5:]}
        yield Item(
            id=f"points/{row['name']}",
            part="points",
            prompt=row["prompt"],
            images=(f"images/{row['name']}",),
            cluster=row["prompt"],
            generators=(named[1],),
            facets={
                "setting": named[2],
                "style": row["style"] or "none",
                "first adjective": row["adj1"] or "none",
                "second adjective": row["adj2"] or "none",
            },
            opinions={
                name: Opinion(mean=values[f"mos_{name}"], deviation=values[f"std_{name}"])
                for name in ("quality", "align")
            },
        )
