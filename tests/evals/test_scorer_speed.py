"""The bench of the large specialists, on a subject whose three ways take known times."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytest.importorskip("torch")

from autorater.assessment import Declined, Outcome
from autorater.image import Picture
from autorater.toolbox import View
from autorater_evals._scorer_subjects import SUBJECTS, Look, Subject, batched, parts
from autorater_evals.scorer_speed import measure
from autorater_evals.specialist_speed import portrait
from autorater_evals.specialist_table import speeds


class Slow:
    """Takes 5 ms a batch and 1 ms a picture; notes what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        self.shown.append((len(views), len({id(view.image) for view in views})))
        assert all(len(view.sources) == 1 for view in views)
        time.sleep(0.005 + 0.002 * len(views))
        return [Declined(reason="too slow") for _ in views]


def test_three_ways_are_timed_on_the_same_pictures() -> None:
    slow, looked, folders = Slow(), list[int](), list[Path]()

    def official(weights: Path, device: str) -> Look:
        def look(pictures: Sequence[Picture]) -> None:
            looked.append(len(pictures))
            time.sleep(0.02)

        return look

    def bare(weights: Path, device: str, pictures: Sequence[Picture]) -> Callable[[], object]:
        return lambda: time.sleep(0.001 * len(pictures))

    subject = Subject("slow", "slow", folders.append, official, bare, lambda weights, device: slow, pictures=2)
    files = [portrait(seed, 16) for seed in range(4)]
    speed = measure(subject, files, device="cpu", rounds=3)
    assert looked == [2] * 8
    assert slow.shown == [(2, 2)] * 4
    assert not folders[0].exists()
    assert speed.images == 4
    assert speed.gain == pytest.approx(speed.ours / speed.official)
    assert speed.share == pytest.approx(speed.ours / speed.bare)


def test_pairs_leave_out_what_is_left_over_and_batches_do_not() -> None:
    assert parts(range(5), 2) == [range(0, 2), range(2, 4)]
    assert batched(range(5), 2) == [range(0, 2), range(2, 4), range(4, 5)]


def test_the_subjects_are_those_that_the_bench_promises() -> None:
    names = ["qsit-mini", "qsit-7b", "grounding-dino-tiny", "grounding-dino-base", "dreamsim", "pal4vst"]
    assert list(SUBJECTS) == names


def test_recorded_speeds_can_be_read() -> None:
    folder = Path(__file__).parents[2] / "evals" / "autorater_evals" / "measured"
    rows = [row for file in folder.glob("*_speed.json") for row in json.loads(file.read_text())["rows"]]
    assert set(speeds()) == {row.get("card", row["name"]) for row in rows}
