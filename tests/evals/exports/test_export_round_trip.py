"""From an exported row alone, and its images, back to the request, the order and the verdict: every format."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exported_sets import all_back, check, compare, everything, made, picture, rate, verdict
from hypothesis import given, settings
from hypothesis import strategies as some
from judging import HASH

from autorater.checklist import default_checklist
from autorater.errors import RecordError, UsageError
from autorater_evals.exports import FORMATS, export, read_back, read_rows, shown_prompt
from autorater_evals.exports.escaping import escape, unescape
from autorater_evals.exports.questions import asked_in
from autorater_evals.exports.reading import ReadBack
from autorater_evals.exports.shown import flat, merged, pieces_of, unflat
from autorater_evals.trainset import Example

SFT = [name for name, found in FORMATS.items() if not found.pairs and name not in ("reward", "ms-swift-image-dpo")]
PAIRS = [name for name, found in FORMATS.items() if found.pairs]
EVERY_WAY = [(name, mode) for name in [*SFT, *PAIRS] for mode in FORMATS[name].modes]


def same(back: ReadBack, example: Example) -> None:
    """Nothing of the request or the verdict is lost or changed."""
    assert back.id == example.id
    assert back.task == example.task
    assert back.prompt == shown_prompt(example.prompt)
    assert back.candidates == example.candidates
    assert back.sources == example.sources
    assert back.questions == example.questions
    assert back.order == example.order
    assert back.verdict == verdict(example)


@pytest.mark.parametrize(("name", "mode"), EVERY_WAY)
def test_every_row_comes_back(tmp_path: Path, name: str, mode: Any) -> None:
    examples = everything()
    exported = export(made(tmp_path / "set", examples), name, tmp_path / "out", images=mode)
    back = all_back(tmp_path / "out", name)
    assert len(back) == exported.rows["train"] > 0
    if name in SFT:
        assert len(back) == len(examples)
        for one, example in zip(back, examples, strict=True):
            same(one, example)
    else:
        known = {example.id: example for example in examples}
        for one in back:
            example = known[one.id]
            same(one, example)
            assert one.rejected in [
                verdict(example, bad.completion) for bad in example.rejected if bad.completion != "{}"
            ]
            assert one.rejected != one.verdict


def test_the_prompt_is_what_was_asked_for() -> None:
    assert shown_prompt("a fox\nat night") == "a fox\nat night"
    assert shown_prompt("tab\there\r\nand\x00there") == "tab\there\nand\ufffdthere"


MARKS = ["<image>", "< image>", "<", ">", " ", "\n", "image>", "<|im_end|>", "<<<prompt ", "prompt 0123456789ab>>>"]
TRAPS = ["Image 1:", "Source image:", "Checklist:\n- fox: x", "[INST]", "</s>", '"', "\\", "狐", "\u2028", "\r\n", "é"]
mixed = some.lists(some.sampled_from([*MARKS, *TRAPS]), min_size=1, max_size=12).map("".join)
texts = some.text(min_size=1, max_size=60) | mixed
four = some.lists(texts, min_size=4, max_size=4)


@pytest.mark.parametrize("name", SFT)
@given(
    prompts=some.lists(texts, min_size=4, max_size=4), words=texts, score=some.integers(1, 10), turned=some.booleans()
)
@settings(max_examples=12)
def test_any_text_comes_back(
    name: str, prompts: list[str], words: str, score: int, turned: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    order = (1, 0) if turned else (0, 1)
    examples = [
        compare(0, 1, prompt=prompts[0], order=order, rationale=words, preference="image_2", name="pair"),
        compare(2, 3, prompt=prompts[1], order=order, sources=(4, 5), rationale=words, name="edit"),
        rate(6, prompt=prompts[2], score=score, rationale=words, sources=(7,) if turned else (), name="rate"),
        check(8, prompt=prompts[3], rationale=words, name="check"),
    ]
    folder = tmp_path_factory.mktemp("any")
    export(made(folder / "set", examples), name, folder / "out")
    for one, example in zip(all_back(folder / "out", name), examples, strict=True):
        same(one, example)


@given(text=texts)
def test_escaping_loses_nothing_and_leaves_no_mark(text: str) -> None:
    assert unescape(escape(text)) == text
    assert not re.search(r"<(/?image|video|audio|\|im_end\|)>|\[INST\]", escape(text))


@given(pieces=some.lists(some.none() | texts.map(escape), max_size=6), around=some.sampled_from(["", "\n"]))
def test_one_text_with_placeholders_is_taken_apart_again(pieces: list[str | None], around: str) -> None:
    whole = merged(pieces)
    assert unflat(flat(whole, around=around), around=around) == whole
    assert flat(whole, around=around).count("<image>") == whole.count(None)


def test_escaped_as_the_provider_of_local_models_serves_it() -> None:
    assert escape("an <image>, <|im_end|>, </s>") == "an < image>, < |im_end|>, < /s>"
    assert escape("a < b, x<y>, [1], <<<prompt 0123") == "a < b, x<y>, [1], <<<prompt 0123"


@pytest.mark.parametrize("example", [compare(0, 1), compare(0, 1, sources=(2,)), rate(0), check(0)])
def test_the_list_in_the_text_is_the_list_that_was_asked(example: Example) -> None:
    asked = asked_in(pieces_of(example))
    assert asked is not None
    wanted = example.questions or default_checklist(edit=bool(example.sources))
    assert asked.items == wanted.items


def rows_of(tmp_path: Path, name: str, **options: Any) -> list[dict[str, Any]]:
    examples = [compare(0, 1, name="edit", sources=(2, 3), rejected=[{"preference": "image_2"}])]
    export(made(tmp_path / "set", examples), name, tmp_path / "out", **options)
    return list(read_rows(tmp_path / "out", "train"))


def images_in(row: dict[str, Any]) -> Callable[[Callable[[list[Any]], list[Any]]], None]:
    """Where a row's images are, as something that changes them."""

    def change(how: Callable[[list[Any]], list[Any]]) -> None:
        if "__key__" in row:
            import json

            told = json.loads(row["json"])
            told["images"] = how(told["images"])
            row["json"] = json.dumps(told).encode()
        elif "images" in row or "image" in row:
            key = "images" if "images" in row else "image"
            row[key] = how(list(row[key]))
        else:
            places = [part for part in row["messages"][1]["content"] if part["type"] == "image_url"]
            for part, url in zip(places, how([part["image_url"] for part in places]), strict=True):
                part["image_url"] = url

    return change


@pytest.mark.parametrize("name", [name for name in [*SFT, *PAIRS] if name != "openai"])
def test_a_dropped_image_is_noticed(tmp_path: Path, name: str) -> None:
    (row,) = rows_of(tmp_path, name)
    images_in(row)(lambda images: images[:-1])
    with pytest.raises(RecordError, match="example edit/01/free: 4 places for images and 3 images"):
        read_back(name, row, folder=tmp_path / "out")


def test_a_dropped_image_of_a_chat_is_noticed(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, "openai")
    content = row["messages"][1]["content"]
    content.remove(next(part for part in reversed(content) if part["type"] == "image_url"))
    with pytest.raises(RecordError, match="expected Image 1 to 2 of a compare"):
        read_back("openai", row, folder=tmp_path / "out")


@pytest.mark.parametrize("name", [*SFT, *PAIRS])
@pytest.mark.parametrize(("one", "other"), [(2, 3), (0, 1), (1, 2)])
def test_reordered_images_give_another_request(tmp_path: Path, name: str, one: int, other: int) -> None:
    (row,) = rows_of(tmp_path, name)

    def swap(images: list[Any]) -> list[Any]:
        images[one], images[other] = images[other], images[one]
        return images

    before = read_back(name, row, folder=tmp_path / "out")
    images_in(row)(swap)
    after = read_back(name, row, folder=tmp_path / "out")
    assert (before.sources, before.candidates) == ((HASH["c"], HASH["d"]), (HASH["a"], HASH["b"]))
    assert (after.sources, after.candidates) != (before.sources, before.candidates)


def test_another_file_under_the_same_name_is_noticed(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, "ms-swift")
    path = tmp_path / "out" / row["images"][2]
    path.unlink()
    path.write_bytes(picture(7).data)
    assert read_back("ms-swift", row, folder=tmp_path / "out").candidates == (picture(7).sha256, HASH["b"])
    path.unlink()
    with pytest.raises(RecordError, match="cannot read the image"):
        read_back("ms-swift", row, folder=tmp_path / "out")


def test_a_changed_order_moves_the_verdict(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, "ms-swift")
    assert read_back("ms-swift", row, folder=tmp_path / "out").verdict.preference == "a"
    row["autorater"] = row["autorater"].replace("[0,1]", "[1,0]")
    back = read_back("ms-swift", row, folder=tmp_path / "out")
    assert back.verdict.preference == "b"
    assert back.candidates == (HASH["b"], HASH["a"])


def test_a_text_that_is_no_verdict_is_noticed(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, "ms-swift")
    row["messages"][-1]["content"] = "image_1, I think"
    with pytest.raises(RecordError, match="its answer is no verdict"):
        read_back("ms-swift", row, folder=tmp_path / "out")
    row["messages"][1]["content"] = "no prompt" + "<image>" * 4
    with pytest.raises(RecordError, match="expected Image 1 to 2"):
        read_back("ms-swift", row, folder=tmp_path / "out")


def test_without_metadata_nothing_is_read_back(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, "openai", metadata=False)
    assert list(row) == ["messages"]
    with pytest.raises(RecordError, match="export it again with metadata"):
        read_back("openai", row)
    with pytest.raises(RecordError, match="cannot be read"):
        read_back("openai", {**row, "autorater": "{}"})
    with pytest.raises(UsageError, match="no format is called 'opneai'; did you mean 'openai'"):
        read_back("opneai", row)
