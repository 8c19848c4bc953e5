"""A set that is made again in its folder: what is left over, what is told before anything is asked, what is refused."""

from pathlib import Path

import pytest
from scripted import ScriptedModel
from teaching import pairs, teach, write_rows, writer

from autorater.errors import RecordError
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


def test_another_plan_is_told_before_it_is_asked_for(tmp_path: Path) -> None:
    data, out, said = write_rows(tmp_path / "data", pairs(6), pictures=12), tmp_path / "set", list[str]()
    model = ScriptedModel(writer())
    asked: list[int] = []

    def say(words: str) -> None:
        asked.append(len(model.asked))
        said.append(words)

    teach(data, out, plan=FREE, limit=6, model=model, say=say)
    teach(data, out, plan=FREE, limit=6, model=model, say=say)
    assert said == []
    before = len(model.asked)
    plan = FREE.model_copy(update={"holdout": (0.0, 0.34), "free": 2, "allow_leakage": True})
    teach(data, out, plan=plan, limit=3, model=model, say=say)
    assert said == [
        f"{str(out)!r} was begun with --limit 6, now 3; with --free 1, now 2; with --holdout 0.1,0.1, now 0,0.34; "
        "without --allow-leakage, now with it: the set is made anew from its log, and asks what that does not hold"
    ]
    assert asked == [before] < [len(model.asked)]
    assert check(out).differing == ()


def test_a_folder_keeps_the_labels_that_its_teacher_was_told(tmp_path: Path) -> None:
    rows = [{"id": f"r{n}", "prompt": f"fox {n}", "image": f"{n}.png", "score": n + 1} for n in range(3)]
    data, out = write_rows(tmp_path / "data", rows, pictures=3), tmp_path / "set"
    teach(data, out, plan=FREE, scale=(1, 5))
    model = ScriptedModel(writer())
    with pytest.raises(RecordError, match=r"the set was made with --scale 1,5, now 1,6: choose another --out"):
        teach(data, out, plan=FREE, scale=(1, 6), model=model)
    teach(data, out, plan=FREE, dimension="overall", scale=(1, 5), model=model)  # the first one, by its name
    assert model.asked == []
    assert check(out).differing == ()


def test_a_log_of_another_teacher_is_told_in_the_words_of_distill(tmp_path: Path) -> None:
    data, out = write_rows(tmp_path / "data", pairs(2), pictures=4), tmp_path / "set"
    teach(data, out, plan=FREE)
    with pytest.raises(RecordError, match=r"resume with the same, or choose another --out$"):
        teach(data, out, plan=FREE, rater={"protocol": "autorater-paper"})
