"""The recorded evaluation of real specialists replays from the repository alone, to the byte."""

import json
from pathlib import Path

import pytest

from autorater.replay import replay

FOLDER = Path(__file__).parents[1] / "cassettes" / "embedded"


@pytest.fixture(scope="module")
def replayed() -> dict[str, tuple[str | None, bool]]:
    return {item.judgment.id: (item.judgment.preferred, item.identical) for item in replay(FOLDER)}


def test_every_judgment_is_identical_to_the_byte(replayed: dict[str, tuple[str | None, bool]]) -> None:
    assert len(replayed) == 12
    assert [name for name, (_, identical) in replayed.items() if not identical] == []


def test_the_worsened_copies_lose(replayed: dict[str, tuple[str | None, bool]]) -> None:
    expected = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
    right = sum(replayed[name][0] == side for name, side in expected.items())
    # Noise on the cat's fur is known to pass unseen; `embedded_accuracy` prints how often.
    assert right >= 8, {name: (replayed[name][0], side) for name, side in expected.items()}


def test_the_cassette_is_small_and_names_no_folder() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 600_000
    text = (FOLDER / "events.jsonl").read_text(encoding="utf-8")
    assert not any(word in text for word in ("/home/", "/root/", "/tmp/", "/work/", "C:\\\\"))
