"""Requests: what may be judged, and rows of a file."""

from pathlib import Path
from typing import Any

import pytest
from pictures import picture, png

from autorater.errors import ImageError, UsageError
from autorater.request import MAX_PROMPT, Request, Task, make_request, request_from_row


@pytest.mark.parametrize(
    ("task", "count", "message"),
    [
        ("rate", 0, "rate takes 1 candidate image, got 0"),
        ("rate", 2, "rate takes 1 candidate image, got 2"),
        ("check", 2, "check takes 1 candidate image, got 2"),
        ("compare", 1, "compare takes 2 candidate images, got 1"),
        ("compare", 3, "compare takes 2 candidate images, got 3"),
        ("rank", 1, "rank takes 2 to 26 candidate images, got 1"),
        ("rank", 27, "rank takes 2 to 26 candidate images, got 27"),
        ("rated", 1, "no task is called 'rated'; did you mean 'rate'?"),
    ],
)
def test_a_task_takes_so_many_images(task: Any, count: int, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        make_request([png()] * count, prompt="x", task=task)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "the prompt is empty"),
        (" \n\t", "the prompt is empty"),
        (
            "x" * (MAX_PROMPT + 1),
            f"the prompt has {MAX_PROMPT + 1} characters; at most {MAX_PROMPT} are",
        ),
        ("a\udcff fox", "the prompt is not valid Unicode at character 1: give it as UTF-8"),
    ],
)
def test_a_prompt_that_cannot_be_judged(prompt: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        make_request([png()], prompt=prompt, task="rate")
    assert message in str(raised.value)


def test_a_request_is_its_content() -> None:
    def make(**options: Any) -> Request:
        told: dict[str, Any] = {"prompt": "a fox", "task": "compare", **options}
        return make_request([png(0), png(1)], **told)

    first = make()
    assert make(id="one").digest == first.digest
    assert make(prompt=" a fox\n").digest == first.digest
    assert first.prompt == "a fox"
    others = [make(prompt="a dog"), make(source=png(2)), make(source=[png(2), png(3)]), make(task="rank")]
    assert len({item.digest for item in (first, *others)}) == 5
    assert [item.edit for item in others] == [False, True, True, False]
    assert first.named() == {"a": picture(0), "b": picture(1)}
    turned = make_request([png(1), png(0)], prompt="a fox", task="compare")
    assert turned.digest != first.digest


def test_an_image_that_cannot_be_opened_is_named() -> None:
    with pytest.raises(ImageError, match="candidate b"):
        make_request([png(), b"no image"], prompt="x", task="compare")
    with pytest.raises(ImageError, match="source 2"):
        make_request([png()], prompt="x", source=[png(), b"no image"], task="rate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, letter in enumerate("abcs"):
        (tmp_path / f"{letter}.png").write_bytes(png(number))
    return tmp_path


@pytest.mark.parametrize(
    ("row", "task", "images", "sources"),
    [
        ({"image": "a.png"}, "rate", [0], []),
        ({"image": "a.png", "task": "check"}, "check", [0], []),
        ({"image_a": "a.png", "image_b": "b.png"}, "compare", [0, 1], []),
        ({"images": ["b.png"]}, "rate", [1], []),
        ({"images": ["b.png", "a.png"]}, "compare", [1, 0], []),
        ({"images": ["b.png", "a.png"], "task": "rank"}, "rank", [1, 0], []),
        ({"images": ["a.png", "b.png", "c.png"]}, "rank", [0, 1, 2], []),
        ({"image": "a.png", "source": "s.png"}, "rate", [0], [3]),
        ({"image": "a.png", "source": ["s.png", "b.png"]}, "rate", [0], [3, 1]),
        ({"image": "a.png", "source": ""}, "rate", [0], []),
    ],
)
def test_a_row(row: dict[str, Any], task: Task, images: list[int], sources: list[int], folder: Path) -> None:
    found = request_from_row({"prompt": "a fox", "id": "7", **row}, folder=folder)
    assert (found.task, found.id) == (task, "7")
    assert found.candidates == tuple(picture(number) for number in images)
    assert found.sources == tuple(picture(number) for number in sources)


FORMS = "expected one of 'images' (a list of paths), 'image', or both 'image_a' and 'image_b'"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"image": "a.png", "prompt": None}, "prompt: input should be a valid string, got None"),
        ({"prompt": "x"}, FORMS),
        ({"prompt": "x", "images": []}, FORMS),
        ({"prompt": "x", "image_a": "a.png"}, FORMS),
        ({"prompt": "x", "image_a": "a.png", "image_b": ""}, FORMS),
        ({"prompt": "x", "image": "a.png", "images": ["a.png"]}, FORMS),
        ({"prompt": "x", "image": "a.png", "image_a": "a.png", "image_b": "b.png"}, FORMS),
        ({"prompt": "x", "images": ["a.png", ""]}, FORMS),
        ({"prompt": "x", "image": "a.png", "id": 7}, "id: input should be a valid string, got 7"),
        ({"prompt": "x", "image": "a.png", "imgae": "b"}, "imgae: extra inputs are not permitted"),
        ({"prompt": "x", "image": "a.png", "task": "ratte"}, "task: input should be 'rate', 'compare', 'rank' or"),
        ({"prompt": "x", "image": "a.png", "task": "compare"}, "compare takes 2 candidate images, got 1"),
        ({"prompt": "x", "image": "gone.png"}, "no image at"),
        ({"prompt": "x", "image": "https://example.org/a.png"}, "nothing is downloaded unasked"),
        ("no object", "the value: input should be a valid dictionary or instance of row, got 'no object'"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(row: Any, message: str, folder: Path) -> None:
    with pytest.raises(UsageError) as raised:
        request_from_row(row, folder=folder)
    assert message in str(raised.value)
