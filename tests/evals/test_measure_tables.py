"""The tables of measures beside labels: calibration, pairs of faces, triplets of materials; on small sets made here."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from autorater_evals import face_pairs, iqa_calibration, material_triplets
from autorater_evals.face_pairs import judged, summary
from autorater_evals.iqa_calibration import compare
from autorater_evals.material_triplets import PIXELS, agreement

DATA = Path(__file__).parents[2].parent / "shared" / "data"
Main = Callable[[], None]


def run(main: Main, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["command", *words])
    main()
    return capsys.readouterr().out


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def noise(seed: int, side: int = 64) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(2))


@pytest.fixture
def materials(tmp_path: Path) -> Path:
    """Each reference has a slightly changed copy, which people chose, and another picture; one triplet is a tie."""
    root = tmp_path / "material-similarity"
    (root / "images").mkdir(parents=True)
    records: list[dict[str, Any]] = []
    for number in range(3):
        names = {key: f"images/{key}_{number}.png" for key in ("reference", "near", "far")}
        image = noise(number)
        image.save(root / names["reference"])
        image.filter(ImageFilter.GaussianBlur(0.5)).save(root / names["near"])
        noise(number + 10).save(root / names["far"])
        near, far = names["near"], names["far"]
        records.append({"reference": names["reference"], "image_a": near, "image_b": far, "votes_a": 3, "votes_b": 0})
        records.append({"reference": names["reference"], "image_a": far, "image_b": near, "votes_a": 1, "votes_b": 2})
    records.append({**records[0], "votes_a": 2, "votes_b": 2})
    write(root / "triplets.jsonl", records)
    return tmp_path


def test_triplets_ask_every_measure_that_is_named(
    materials: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cv2")
    out = run(material_triplets.main, monkeypatch, capsys, "--data", str(materials), "--json", "SSIM", "PSNR")
    found = {row["measure"]: row for row in json.loads(out)}
    assert list(found) == [PIXELS, "SSIM", "PSNR"]
    for row in found.values():
        assert (row["agreement"], row["triplets"], row["unanswered"], row["unanimous"]) == (1, 6, 0, 3)
        assert row["interval"] == [1, 1]
    text = run(material_triplets.main, monkeypatch, capsys, "--data", str(materials), "SSIM")
    assert PIXELS in text
    with pytest.raises(SystemExit, match="did you mean"):
        run(material_triplets.main, monkeypatch, capsys, "--data", str(materials), "SSIN")


def test_agreement_counts_ties_half_and_keeps_what_has_no_answer_apart() -> None:
    triplet = {"reference": "r", "image_a": "a", "image_b": "b", "votes_a": 2, "votes_b": 1}
    distances = {("r", "a"): 1.0, ("r", "b"): 2.0, ("s", "a"): 3.0, ("s", "b"): 3.0, ("t", "a"): None, ("t", "b"): 1.0}
    triplets = [triplet, {**triplet, "reference": "s"}, {**triplet, "reference": "t"}]
    found = agreement("one", distances, triplets)
    assert (found.agreement, found.triplets, found.unanswered, found.unanimous) == (0.75, 2, 1, 0)
    assert found.interval == (0.5, 1)


def test_shares_of_pairs_of_faces() -> None:
    same = [True, True, True, False, False]
    found = summary("one", same, [0.95, 0.94, 0.5, 0.2, 0.93], clusters=["a", "b", "c", "d", "e"], limit=0.93, pairs=7)
    assert (found.right, found.answered, found.pairs, found.accuracy) == (3, 5, 7, 0.6)
    assert found.same_found == pytest.approx(2 / 3)
    assert (found.different_found, found.least_same, found.greatest_different) == (0.5, 0.5, 0.93)
    low, high = found.interval
    assert 0 <= low < 0.6 < high <= 1


def test_a_pair_without_a_face_in_either_photograph_has_no_answer() -> None:
    pairs = [
        {"image_a": name, "same_person": same} for name, same in [("a", True), ("b", False), ("c", False), ("d", True)]
    ]
    similar, other, none = (
        {"worst_similarity": value, "faces_in_image": faces} for value, faces in [(0.97, 1.0), (0.5, 2.0), (0.0, 0.0)]
    )
    found = judged("one", pairs, [similar, other, none, None], limit=0.93)
    assert (found.right, found.answered, found.pairs) == (2, 2, 4)


def test_a_value_is_equal_to_the_digits_that_are_printed() -> None:
    printed = {"m": ["0.69", "0.9702", "1.0", "0.5", "0.25"]}
    found = list(compare("m", [0.69004, 0.97026, None, 0.49996, 0.2502], printed))
    assert [value.equal for value in found] == [True, False, False, True, False]
    assert found[2].difference is None
    assert found[0].difference == pytest.approx(4e-5)


def test_a_missing_data_set_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for main in (iqa_calibration.main, face_pairs.main, material_triplets.main):
        with pytest.raises(SystemExit, match="has no folder"):
            run(main, monkeypatch, capsys, "--data", str(tmp_path))


def test_calibration_is_equal_to_the_printed_digits_but_for_niqe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (DATA / "iqa-calibration").is_dir():
        pytest.skip("the data set iqa-calibration is not beside the repository (see shared/data/README)")
    pytest.importorskip("cv2")
    rows = json.loads(run(iqa_calibration.main, monkeypatch, capsys, "--data", str(DATA), "--json"))
    assert {row["metric"] for row in rows} >= {"psnr", "ssim", "ms_ssim", "fsim", "gmsd", "niqe"}
    different = [(row["metric"], row["pair"]) for row in rows if not row["equal"]]
    assert different == [("niqe", pair) for pair in ("I03", "I06", "I08", "I19")]
    for row in rows:
        if row["metric"] == "niqe":
            assert row["ours"] == pytest.approx(row["official"], rel=0.01)
