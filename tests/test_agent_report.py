"""What a person is shown of the agent: in the report and on the screen."""

import re
from pathlib import Path

import pytest
from agents import CARDS, Call, judge, model, request
from html_page import Page
from pictures import picture

from autorater.batch import report_log, show_batch
from autorater.image import Picture
from autorater.judgment import Judgment
from autorater.report import render_report
from autorater.report_rows import drawn
from autorater.screen import show_judgment

HOSTILE = '</q><script>alert(1)</script>"'
STEPS: list[list[Call]] = [
    [("finding", {"image": "all", "look_for": "a tail"}), ("width", {"image": "image_2"})],
    [("finding", {"image": "image_1", "look_for": HOSTILE})],
    [("crashing", {"image": "image_1"}), ("nonsense", {"image": "image_1"})],
]
PICTURES = {each.sha256: each for each in (picture(0), picture(1))}


def rendered(judged: Judgment, pictures: dict[str, Picture]) -> str:
    return render_report([judged], pictures, CARDS, title="An agent")


def test_the_report_lists_the_turns_with_their_pictures() -> None:
    text = rendered(judge(model("native", *STEPS)), PICTURES)
    shown = Page(text).text
    for words in (
        "What the agent looked at",
        "The finding, asked for a tail",
        "Image a: The finding",
        "Image b: The finding",
        "failed",
        "not run: no specialist on offer is called 'nonsense'",
        "image a has the fox.",
        "The finding, asked for “a tail”",
    ):
        assert words in shown, words
    assert "<script" not in text
    # Two candidates and three drawings, each embedded once; the drawings were made anew, as no log was at hand.
    assert len(re.findall(r'<image id="picture-', text)) == 5
    assert "not part of the report" not in shown


def test_without_the_candidates_the_drawings_are_said_to_be_missing() -> None:
    shown = Page(rendered(judge(model("native", *STEPS)), {})).text
    assert shown.count("This picture is not part of the report") == 3


def test_without_an_agent_there_is_no_word_of_it() -> None:
    judged = judge(model("native"))
    plain = judged.model_copy(update={"selection": judged.selection.model_copy(update={"steps": ()})})
    assert "What the agent looked at" not in Page(rendered(plain, PICTURES)).text


def test_a_log_brings_its_own_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = judge(model("words", *STEPS), request(), tmp_path / "log")
    found = drawn(judged)
    assert len(found) == 3
    report_log(tmp_path / "log", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(f'id="picture-{sha[:16]}"' in text for sha in found)
    show_batch(tmp_path / "log", None, report=None, as_json=False)
    assert "finding(image=all, look_for=a tail)" in capsys.readouterr().out


def test_the_screen_names_every_call(capsys: pytest.CaptureFixture[str]) -> None:
    show_judgment(judge(model("native", *STEPS)), CARDS)
    out = capsys.readouterr().out
    for words in ("width(image=image_2)", "b: measured", "a: failed", "(no call)", "finding (a tail).width"):
        assert words in out, words
