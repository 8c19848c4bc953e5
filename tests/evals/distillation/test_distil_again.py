"""A set that is made again in its folder: what is left over, what is told before anything is asked, what is refused."""

from pathlib import Path

from teaching import pairs, teach, write_rows

from autorater_evals.distillation import Plan, check
from autorater_evals.trainset import open_set

FREE = Plan(variants=("free",), without=("classifier",))


def test_images_that_no_example_uses_any_more_go_and_are_told(tmp_path: Path) -> None:
    data, out = write_rows(tmp_path / "data", pairs(6), pictures=12), tmp_path / "set"
    teach(data, out, plan=FREE)
    before = {path.name for path in (out / "images").iterdir()}
    (out / "images" / "notes.png").write_bytes(b"mine")
    teach(data, out, plan=FREE, limit=3)
    used = {image for one in open_set(out).examples() for image in one.candidates}
    assert {path.stem for path in (out / "images").iterdir()} == used | {"notes"}
    assert (len(before), len(used)) == (12, 6)
    assert check(out).differing == ()
    (out / "images" / next(name for name in before if name[:-4] not in used)).write_bytes(b"left")
    assert check(out).differing == ("1 image that no example uses",)
