"""One's own data: every kind of wrong line is told with its place and what to do, and what is right becomes items."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making_mean_opinions import lines
from pictures import png

from autorater.errors import UsageError
from autorater_evals.benchmark import get_benchmark
from autorater_evals.benchmarks.jsonl import Problem, load, validate
from autorater_evals.item import Item

ONE: dict[str, Any] = {"prompt": "a cat", "image": "a.png", "score": 3}
PAIR: dict[str, Any] = {"prompt": "a cat", "image_a": "a.png", "image_b": "b.png", "preferred": "a"}


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def asked(*questions: object) -> dict[str, Any]:
    return without(ONE, "score") | {"questions": list(questions)}


def problems(folder: Path, *rows: object, images: bool = False) -> list[Problem]:
    path = folder / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return validate(path, images=images)


def items(folder: Path, *rows: dict[str, Any]) -> list[Item]:
    path = folder / "mine.jsonl"
    lines(path, rows)
    assert validate(path) == []
    return list(load(path))


WRONG: list[tuple[object, str, str, str]] = [
    ([1], "", "an object in braces", "[1]"),
    ("a cat", "", "an object in braces", "'a cat'"),
    (ONE | {"promt": 1}, "promt", "a field that is known", "'promt'"),
    (without(ONE, "prompt"), "prompt", "a text", "no such field"),
    (ONE | {"prompt": " "}, "prompt", "a text that is not empty", "' '"),
    (ONE | {"prompt": None}, "prompt", "a text that is not empty", "None"),
    (ONE | {"prompt": "\ud800"}, "prompt", "a text", "ud800"),
    (ONE | {"id": []}, "id", "a text", "[]"),
    (ONE | {"id": "a\nb"}, "id", "one line", "a"),
    (ONE | {"image": ""}, "image", "the path of an image", "''"),
    (ONE | {"image": 7}, "image", "the path of an image", "7"),
    (ONE | {"image": ["a.png"]}, "image", "one path", "a list"),
    (ONE | {"image": "/etc/a.png"}, "image", "a path within the folder of the file", "'/etc/a.png'"),
    (ONE | {"image": "x/../../a.png"}, "image", "a path within the folder of the file", ".."),
    (ONE | {"image": "C:\\a.png"}, "image", "a path within the folder of the file", "C:"),
    (ONE | {"image": "https://example.org/a.png"}, "image", "a path within the folder of the file", "https"),
    (without(ONE, "image"), "image", "`image`, or `image_a` and `image_b`, or `images`", "none of them"),
    (ONE | {"images": ["b.png"]}, "image", "`image`, or `image_a`", "image and images"),
    (without(PAIR, "image_b"), "image", "`image_a` and `image_b`", "image_a"),
    (without(PAIR, "image_a", "image_b") | {"images": ["1", "2", "3"]}, "images", "one image or two", "3"),
    (without(PAIR, "image_a", "image_b") | {"images": []}, "images", "at least one path", "an empty list"),
    (ONE | {"source": "../s.png"}, "source", "a path within the folder of the file", "'../s.png'"),
    (ONE | {"cluster": 1.5}, "cluster", "a text", "1.5"),
    (ONE | {"group": "g"}, "group", "a group of pairs only", "one image"),
    (PAIR | {"generators": ["x"]}, "generators", "one for each of 2 images", "1"),
    (PAIR | {"generators": ["x", None]}, "generators", "a text", "None"),
    (ONE | {"facets": "cats"}, "facets", "an object kind → value", "'cats'"),
    (ONE | {"facets": {"kind": 0.5}}, "facets.kind", "a text", "0.5"),
    (without(ONE, "score"), "score", "what people said of one image", "none of them"),
    (without(PAIR, "preferred"), "preferred", "what people said of two images", "none of them"),
    (PAIR | {"score": 3}, "score", "labels of two images: preferred, gap, votes", "`score`"),
    (ONE | {"gap": 3}, "gap", "labels of one image: score, scores, ratings, questions", "`gap`"),
    (PAIR | {"preferred": "left"}, "preferred", "'a', 'b', 'tie', 'both_good', 'both_bad'", "'left'"),
    (PAIR | {"preferred": {"quality": "A"}}, "preferred.quality", "'a', 'b', 'tie'", "'A'"),
    (PAIR | {"preferred": {}}, "preferred", "an object dimension → value", "{}"),
    (PAIR | {"preferred": 1}, "preferred", "an object dimension → value", "1"),
    (PAIR | {"gap": -0.5}, "gap", "a gap on the side of 'a', which is preferred", "-0.5"),
    (PAIR | {"gap": float("nan")}, "gap", "a finite number", "nan"),
    (PAIR | {"gap": "0.5"}, "gap", "an object dimension → value", "'0.5'"),
    (PAIR | {"votes": {"x": "c"}}, "votes.x", "'a', 'b', 'tie'", "'c'"),
    (PAIR | {"votes": {"q": {"x": 1}}}, "votes.q.x", "'a', 'b', 'tie'", "1"),
    (PAIR | {"votes": {"q": {"x": "a"}, "y": "b"}}, "votes", "raters or dimensions", "some of each"),
    (PAIR | {"votes": {"": "a"}}, "votes", "an object rater → value", "{'': 'a'}"),
    (ONE | {"score": "3"}, "score", "a finite number", "'3'"),
    (ONE | {"score": True}, "score", "a finite number", "True"),
    (ONE | {"score": float("inf")}, "score", "a finite number", "inf"),
    (ONE | {"score": 10**400}, "score", "a finite number", "1000"),
    (ONE | {"scores": {"overall": 4}}, "scores.overall", "one score of a dimension", "two"),
    (ONE | {"ratings": {"x": 1, "y": 2}}, "score", "a score from 1 to 2, as the ratings are", "3"),
    (ONE | {"ratings": {"quality": {"x": None}}}, "ratings.quality", "at least one rating", "none"),
    (ONE | {"ratings": {"x": "good"}}, "ratings.x", "a finite number", "'good'"),
    (ONE | {"ratings": []}, "ratings", "an object rater → value", "[]"),
    (asked(), "questions", "a list of questions", "[]"),
    (asked("is it?"), "questions[1]", "an object with text and answer", "'is it?'"),
    (asked({"text": "", "answer": "yes"}), "questions[1]", "a question", "text"),
    (asked({"text": "Is it?", "answer": "Yes"}), "questions[1].answer", "'yes' or 'no'", "'Yes'"),
    (asked({"text": "Is it?"}), "questions", "an answer to at least one question", "none"),
    (asked({"text": "Is it?", "anwser": "yes"}), "questions[1].anwser", "a field that is known", "'anwser'"),
    (asked({"id": "Q 1", "text": "Is it?", "answer": "yes"}), "questions[1]", "a question", "Q 1"),
    (asked({"text": "x", "answer": "no", "depends_on": "q2"}), "questions", "parents first", "q2"),
    (asked({"id": "q", "text": "x", "answer": "no"}, {"id": "q", "text": "y"}), "questions", "ids that differ", "q"),
]


@pytest.mark.parametrize(("row", "field", "expected", "came"), WRONG)
def test_every_kind_of_wrong_line_is_told(tmp_path: Path, row: object, field: str, expected: str, came: str) -> None:
    found = problems(tmp_path, ONE, row)
    told = [one for one in found if one.field == field and expected in one.expected and came in one.came]
    assert told, [one.text for one in found]
    assert all(one.line == 2 and one.file == "mine.jsonl" and one.fix for one in found)
    assert all("\n" not in one.text and len(one.text) < 500 for one in found)
    with pytest.raises(UsageError, match=r"mine\.jsonl, line 2") as caught:
        list(load(tmp_path / "mine.jsonl"))
    assert found[0].text in str(caught.value)
    assert "autorater eval check" in str(caught.value)


def test_all_that_is_wrong_is_told_and_not_only_the_first(tmp_path: Path) -> None:
    rows: list[object] = [ONE, {"imag": 1}, PAIR, PAIR | {"preferred": "x", "gap": "y"}, ONE | {"id": "1"}]
    found = problems(tmp_path, *rows)
    assert [(one.line, one.field) for one in found] == [
        (2, "imag"),
        (2, "prompt"),
        (2, "image"),
        (2, "score"),
        (4, "preferred"),
        (4, "gap"),
        (5, "id"),
    ]
    assert found[0].fix.startswith("did you mean 'image'?")
    assert found[-1].text == (
        "mine.jsonl, line 5, id: expected an id of its own, got '1', as in line 1: rename one of them"
    )


@pytest.mark.parametrize(
    ("data", "line", "expected"),
    [
        (b'{"prompt": "x"\n', 1, "one JSON object a line"),
        (b'\n\n{"prompt": "x",}\n', 3, "one JSON object a line"),
        (b'{"prompt": "caf\xe9"}\n', 1, "text in UTF-8"),
        (b"[" * 100_000, 1, "one JSON object a line"),
        (b"", 1, "a line for each image or pair"),
        (b'{"prompt": "x", "prompt": "y", "image": "a.png", "score": 1}', 1, "each field once"),
    ],
)
def test_broken_files_are_told(tmp_path: Path, data: bytes, line: int, expected: str) -> None:
    (tmp_path / "mine.jsonl").write_bytes(data)
    found = validate(tmp_path / "mine.jsonl")
    assert (found[0].line, found[0].expected) == (line, expected)
    assert len(found[0].text) < 300


def test_a_file_that_is_not_there_or_ends_too_early_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        validate(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match=r"expected items\.jsonl or items\.jsonl\.gz"):
        validate(tmp_path)
    (tmp_path / "items.jsonl.gz").write_bytes(gzip.compress(json.dumps(ONE).encode() * 50)[:-20])
    with pytest.raises(UsageError, match="cannot be read to its end"):
        validate(tmp_path)


@pytest.mark.parametrize("name", ["items.jsonl", "items.jsonl.gz"])
def test_windows_and_gzip_are_read(tmp_path: Path, name: str) -> None:
    data = b"\xef\xbb\xbf" + b"\r\n".join(json.dumps(row).encode() for row in (ONE, PAIR)) + b"\r\n\r\n"
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert validate(tmp_path) == []
    assert [item.id for item in load(tmp_path)] == ["points/1", "pairs/2"]
    loaded = get_benchmark("jsonl").load(tmp_path / name)
    assert {part: len(found) for part, found in loaded.items.items() if found} == {"points": 1, "pairs": 1}


def test_images_are_opened_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(1))
    (tmp_path / "b.png").write_bytes(png(2)[:-40])
    rows = [ONE, PAIR, PAIR | {"image_b": "none.png", "source": "a.png"}, ONE | {"image": "b.png"}]
    assert problems(tmp_path, *rows) == []
    found = problems(tmp_path, *rows, images=True)
    assert [one.line for one in found] == [2, 3]
    assert "b.png" in found[0].came
    assert "none.png" in found[1].came
    assert not any(str(tmp_path) in one.text for one in found)


def test_what_decides_the_side(tmp_path: Path) -> None:
    bare = without(PAIR, "preferred")
    votes = {"x": "a", "y": "b", "z": "b"}
    found = items(
        tmp_path,
        bare | {"preferred": "both_bad", "gap": 0.5, "votes": votes},
        bare | {"gap": -1, "votes": {"x": "a"}},
        bare | {"gap": 0},
        bare | {"votes": votes},
        bare | {"votes": {"x": "a", "y": "both_good"}},
        bare | {"votes": {"quality": votes, "overall": {"x": "a"}}, "preferred": {"realism": "tie"}},
    )
    told = [{name: one.preferred for name, one in item.preferences.items()} for item in found]
    assert told[:5] == [{"overall": side} for side in ("tie", "b", "tie", "b", "tie")]
    assert told[5] == {"realism": "tie", "quality": "b", "overall": "a"}
    assert found[0].preferences["overall"].both == "bad"
    assert found[0].preferences["overall"].gap == 0.5
    assert found[3].preferences["overall"].votes == votes


def test_opinions_come_from_scores_or_from_the_mean_of_ratings(tmp_path: Path) -> None:
    bare = without(ONE, "score")
    (item,) = items(
        tmp_path,
        bare
        | {
            "scores": {"quality": 2, "overall": 4},
            "ratings": {"quality": {"x": 2, "y": None}, "realism": {"x": 1, "y": 4}},
        },
    )
    assert {name: one.mean for name, one in item.opinions.items()} == {"quality": 2, "overall": 4, "realism": 2.5}
    assert item.opinions["realism"].deviation == pytest.approx(4.5**0.5)
    assert item.opinions["quality"].ratings == {"x": 2, "y": None}
    assert item.opinions["quality"].deviation is None
    (item,) = items(tmp_path, bare | {"ratings": {"x": 1, "y": 2}})
    assert item.opinions["overall"].mean == 1.5


def test_a_score_and_questions_are_two_items(tmp_path: Path) -> None:
    row = ONE | asked({"text": "A cat?", "answer": "yes"}, {"text": "Red?", "depends_on": "q1"}) | {"score": 3, "id": 7}
    point, question = items(tmp_path, row)
    assert (point.id, point.task, question.id, question.task) == ("points/7", "rate", "questions/7", "check")
    assert question.questions is not None
    assert [one.depends_on for one in question.questions.items] == [(), ("q1",)]
    assert question.answers == {"q1": "yes"}


def test_clusters_groups_and_generators(tmp_path: Path) -> None:
    found = items(
        tmp_path,
        PAIR | {"prompt_id": 7, "group": "g", "generators": ["x", "y"]},
        PAIR | {"cluster": "c", "prompt_id": "p", "_note": [1]},
        ONE | {"generator": "x", "sources": ["s.png", "t/u.png"], "facets": {"n": 3}},
    )
    assert [(item.part, item.cluster) for item in found] == [("groups", "7"), ("pairs", "c"), ("points", "a cat")]
    assert found[0].generators == ("x", "y")
    assert found[2].sources == ("s.png", "t/u.png")
    assert found[2].facets == {"n": "3"}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["a", "tie", "yes"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KNOWN = ("id", "prompt", "image", "image_a", "image_b", "images", "source", "cluster", "group", "generators", "facets")
LABELS = ("preferred", "gap", "votes", "score", "scores", "ratings", "questions")


@given(st.dictionaries(st.sampled_from(KNOWN + LABELS), VALUES), st.sampled_from([{}, ONE, PAIR]))
def test_any_line_is_either_right_or_told(tmp_path_factory: pytest.TempPathFactory, row: Any, base: Any) -> None:
    folder = tmp_path_factory.mktemp("any")
    found = problems(folder, base | row)
    if found:
        assert all("\n" not in one.text for one in found)
    else:
        loaded = get_benchmark("jsonl").load(folder / "mine.jsonl")
        assert loaded.digest
