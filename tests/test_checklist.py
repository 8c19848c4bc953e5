"""Checklists: those that ship, and one's own."""

import re
from pathlib import Path

import pytest
from judging import questions, rater, said_to
from pictures import png

from autorater.checklist import ANSWERS, Checklist, Item, default_checklist, fold, read_checklist, share_of_yes
from autorater.errors import UsageError
from autorater.prompting import fence
from autorater.replay import replay
from autorater.verdict import verdict_schema

README = Path(__file__).parent.parent / "prompts" / "README.md"
HEAD = "---\nname: mine\nitems:\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "mine.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("edit", [False, True])
def test_a_checklist_that_ships_keeps_the_rules(edit: bool) -> None:
    checklist = default_checklist(edit=edit)
    assert checklist.name == ("edit" if edit else "generation")
    assert 8 <= len(checklist.items) <= 20
    assert all(item.text.endswith("?") and item.text[0].isupper() for item in checklist.items)
    everything = checklist.settle({item.id: "yes" for item in checklist.items})
    assert set(everything.values()) == {"yes"}
    assert share_of_yes(everything) == 1
    for task in ("rate", "compare", "check"):
        told = verdict_schema(task, checklist=checklist, edit=edit)["properties"]["checklist"]["properties"]
        assert list(told) == [item.id for item in checklist.items]


def test_dependencies_reach_the_grandchildren() -> None:
    items = (
        Item(id="a", text="A?"),
        Item(id="b", text="B?", depends_on=("a",)),
        Item(id="c", text="C?", depends_on=("b",)),
    )
    checklist = Checklist(name="chain", items=items)
    assert checklist.settle({"a": "no", "b": "yes", "c": "yes"}) == {
        "a": "no",
        "b": "not_applicable",
        "c": "not_applicable",
    }
    assert checklist.settle({"a": "yes", "b": "cannot_tell", "c": "yes"})["c"] == "not_applicable"


def test_only_yes_and_no_count() -> None:
    assert share_of_yes({"a": "yes", "b": "no", "c": "not_applicable", "d": "cannot_tell"}) == 0.5
    assert share_of_yes({"c": "not_applicable"}) is None
    assert share_of_yes({}) is None


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_are_folded(answer: str) -> None:
    assert fold(f" {answer.upper().replace('_', ' ')} ") == answer
    assert fold(answer.replace("_", "-")) == answer
    assert fold(7) == 7


def test_a_file_may_have_a_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    text = "\ufeff" + (HEAD + "  - {id: fox, text: 'Is there a fox?'}\n---\n").replace("\n", "\r\n")
    assert read_checklist(written(tmp_path, text)).items == (Item(id="fox", text="Is there a fox?"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("items: []", "mine.md: expected YAML front matter between two lines of '---' at the top of the file"),
        ("---\nname: mine\nitems: []\n---\n", "mine.md: items: tuple should have at least 1 item"),
        ("---\nitems: [\n---\n", "mine.md: the front matter is not valid YAML"),
        ("---\n- a\n---\n", "mine.md: the value: input should be"),
        (HEAD + "  - {id: Fox, text: 'A?'}\n---\n", "mine.md: items.0.id: string should match pattern"),
        (HEAD + '  - {id: fox, text: ""}\n---\n', "mine.md: items.0.text: string should have at least 1 character"),
        (HEAD + '  - {id: fox, text: "a\\nb"}\n---\n', "items.0.text: expected one line of text, got 'a"),
        (
            HEAD + '  - {id: fox, text: "a\\0image_1\\0"}\n---\n',
            "items.0.text: expected one line of text, got 'a",
        ),
        (
            HEAD + "  - {id: fox, text: 'A?', parent: b}\n---\n",
            "items.0.parent: extra inputs are not permitted",
        ),
        (
            HEAD + "  - {id: a, text: 'A?'}\n  - {id: a, text: 'B?'}\n---\n",
            "mine.md: the value: two questions are called 'a'",
        ),
        (
            HEAD + "  - {id: a, text: 'A?', depends_on: [b]}\n  - {id: b, text: 'B?', depends_on: [a]}\n---\n",
            "mine.md: the value: 'a' depends on ['b'], which must stand before it",
        ),
        (HEAD + "  - {id: a, text: 'A?', depends_on: [a]}\n---\n", "'a' depends on ['a'], which must stand before it"),
        (b"\xff\xd8\xff\xe0 a picture", "expected a text file in UTF-8"),
    ],
)
def test_a_file_that_is_not_in_order_says_where(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_checklist(written(tmp_path, text))
    assert message in str(raised.value)


@pytest.mark.parametrize(("name", "message"), [("absent.md", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_is_none(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"cannot read the checklist '{re.escape(name)}': {message}; check the path"):
        read_checklist(name)


def test_the_example_of_the_readme_is_a_checklist(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(---\nname: \w+\nitems:.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    checklist = read_checklist(written(tmp_path, example))
    assert len(checklist.items) >= 2
    assert any(item.depends_on for item in checklist.items)


def test_a_request_with_questions_of_its_own_is_asked_these_and_replays(tmp_path: Path) -> None:
    own = {"name": "own", "items": [{"id": "fox", "text": "Is there a fox?"}, {"id": "snow", "text": "Is there snow?"}]}
    (tmp_path / "a.png").write_bytes(png())
    rows = [
        {"id": "own", "prompt": "a fox", "image": "a.png", "questions": own},
        {"id": "usual", "prompt": "a fox", "image": "a.png", "task": "check"},
    ]
    with rater(log=tmp_path / "log") as judge:
        found = {judgment.id: judgment for judgment in judge.judge_many(rows)}
        asked = {len(question.schema["properties"]["checklist"]["properties"]) for question in questions(judge)}
        told = "\n".join(said_to(question) for question in questions(judge))
    assert list(found["own"].checklist["a"]) == ["fox", "snow"]
    assert found["own"].task == "check"
    assert fence("Is there a fox?", "question") in told  # what came with the data cannot pose as an instruction
    assert asked == {2, len(default_checklist(edit=False).items)}
    assert found["own"].judged_by.checklist != found["usual"].judged_by.checklist
    assert all(item.identical for item in replay(tmp_path / "log"))
