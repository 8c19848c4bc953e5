"""The agent: what it is asked, what it is told, and what the judge sees of it."""

from typing import Any

import pytest
from agents import (
    ONE,
    PROMPT,
    Dialect,
    both,
    calls_in,
    captions,
    failures,
    judge,
    model,
    of_agent,
    of_judge,
    quarter,
    request,
    results,
    text_of,
)
from pictures import picture

from autorater import AutoRater
from autorater.assessment import Measured
from autorater.errors import UsageError
from autorater.image import Fit
from autorater.model import Capability, Usage
from autorater.settings import AgentLimits


@both
def test_it_calls_reads_and_finishes_and_the_judge_sees_what_it_found(dialect: Dialect) -> None:
    asked = model(dialect, [("width", ONE)], [("finding", {"image": "image_2", "look_for": "a tail"})])
    judged = judge(asked)
    first, second, third = of_agent(asked)
    assert (results(first), len(results(second)), len(results(third))) == ([], 1, 2)
    assert "- width.width, Image 1 = 48 (1 to 1000 px)" in results(third)[0]
    assert "- finding.width, Image 2, asked for 'a tail' = 48 (1 to 1000 px)" in results(third)[1]
    # What it marked comes back as a picture of its own.
    assert [picture(n).sha256 for n in (0, 1)] == [item.sha256 for item in first.conversation.pictures()]
    drawn = third.conversation.pictures()[2:]
    assert len(drawn) == 1
    assert drawn[0].sha256 not in {picture(n).sha256 for n in range(2)}
    assert captions(third)[-1] == ("Image 2 with the findings of finding, asked for 'a tail':", drawn[0])
    # The judge is asked in both orders, with the labels and the picture under the place that the image has there.
    straight, turned = of_judge(asked)
    for question, image in ((straight, "Image 2"), (turned, "Image 1")):
        assert f"finding.width, {image}, asked for 'a tail' = 48" in text_of(question)
        assert captions(question)[-1] == (f"{image} with the findings of finding, asked for 'a tail':", drawn[0])
    assert judged.outcome == "tie"
    assert [(item.specialist, item.candidate, item.look_for) for item in judged.assessments] == [
        ("width", "a", ""),
        ("finding", "b", "a tail"),
    ]


@both
def test_the_judgment_records_the_loop(dialect: Dialect) -> None:
    judged = judge(model(dialect, [("finding", {"image": "all"})]), price=quarter)
    chosen = judged.selection
    assert (chosen.how, chosen.names, chosen.reason) == ("agent", ("finding",), "image a has the fox.")
    step, last = chosen.steps
    (look,) = step.looks
    assert (look.tool, look.arguments["image"], look.problem) == ("finding", "all", "")
    assert [(found.candidate, found.outcome) for found in look.found] == [("a", "measured"), ("b", "measured")]
    assert all(len(found.call) == len(found.picture) == 64 for found in look.found)
    assert (last.looks, last.thought) == ((), "image a has the fox.")
    # Two turns of the agent, two of the judge.
    assert judged.cost == 1.0
    assert (chosen.cost, chosen.usage) == (0.5, Usage(input=20, output=10))
    assert judged.usage.input == 20 + 2 * 100
    assert set(judged.judged_by.prompts) == {"compare", "agent", "agent-findings"}
    assert set(judged.judged_by.cards) == {"finding"}


def test_a_model_with_tools_is_offered_one_for_each_specialist_that_applies() -> None:
    asked = model("native")
    judge(asked)
    (question,) = of_agent(asked)
    assert [tool.name for tool in question.tools] == ["width", "finding", "slow", "crashing", "torn", "picky"]
    assert question.schema == {}
    tool = next(tool for tool in question.tools if tool.name == "finding")
    assert tool.parameters["properties"]["image"] == {"type": "string", "enum": ["image_1", "image_2", "all"]}
    assert tool.parameters["required"] == ["image", "look_for"]
    assert "Width of the image: 1 to 1000 px); findings in words. Reads look_for." in tool.description
    assert "How to read finding." not in tool.description
    plain = next(tool for tool in question.tools if tool.name == "width")
    assert plain.parameters["required"] == ["image"]
    assert "The specialists:" not in text_of(question)


def test_a_model_without_tools_is_told_of_them_and_answers_by_a_schema() -> None:
    asked = model("words")
    judge(asked, request(1))
    (question,) = of_agent(asked)
    assert question.tools == ()
    properties = question.schema["properties"]
    assert list(properties) == ["thought", "action", "image", "look_for"]
    assert properties["action"]["enum"] == ["width", "finding", "slow", "crashing", "torn", "picky", "finish"]
    assert properties["image"]["enum"] == ["image_1"]
    assert "- finding: The finding. Gives width" in text_of(question)


def test_several_calls_of_one_turn_are_answered_in_their_order() -> None:
    calls = [("finding", {"image": "image_2", "look_for": "x"}), ("width", {"image": "all"}), ("crashing", ONE)]
    asked = model("native", calls)
    judged = judge(asked)
    last = of_agent(asked)[-1]
    assert calls_in(last) == ["finding", "width", "crashing"]
    assert failures(last) == [False, False, True]
    first, second, third = results(last)
    assert "finding.width, Image 2" in first
    assert "width.width, Image 1" in second
    assert "width.width, Image 2" in second
    assert "crashing, Image 1: no reading; it failed: 'ZeroDivisionError: division by zero'" in third
    assert "Left" not in first + second
    assert "(Left: 5 turns, 8 looks.)" in third
    # By specialist in the order of their first call, then by candidate.
    shown = [(item.specialist, item.candidate) for item in judged.assessments]
    assert shown == [("finding", "b"), ("width", "a"), ("width", "b"), ("crashing", "a")]


@both
@pytest.mark.parametrize(
    ("count", "edit", "task"), [(1, False, None), (1, True, None), (2, True, None), (1, False, "check")]
)
def test_every_task_has_an_agent(dialect: Dialect, count: int, edit: bool, task: Any) -> None:
    name = "edits" if edit else "finding"
    asked = model(dialect, [(name, {"image": "image_1", "look_for": ""})])
    judged = judge(asked, request(count, edit=edit, task=task))
    assert judged.outcome in ("scored", "tie")
    assert [item.specialist for item in judged.assessments] == [name]
    first = of_agent(asked)[0]
    assert len(first.conversation.pictures()) == count + edit
    assert ("Source image, before the edit:" in text_of(first)) is edit
    for question in of_judge(asked):
        assert len(question.conversation.pictures()) == count + edit + 1
        assert any(
            line == f"Image {place} with the findings of {name}:" for line, _ in captions(question) for place in (1, 2)
        )


def test_a_ranking_has_one_agent_and_each_pair_sees_its_own() -> None:
    asked = model("native", [("finding", {"image": "all", "look_for": "a tail"})])
    judged = judge(asked, request(3))
    assert judged.outcome == "tie"
    assert len(of_agent(asked)) == 2
    drawn = [found.picture for found in judged.selection.steps[0].looks[0].found]
    pairs = [["a", "b"], ["b", "a"], ["a", "c"], ["c", "a"], ["b", "c"], ["c", "b"]]
    seen = [[picture.sha256 for _, picture in captions(question)[2:]] for question in of_judge(asked)]
    assert sorted(seen) == sorted([drawn["abc".index(letter)] for letter in pair] for pair in pairs)


@both
def test_the_same_specialist_answers_twice_when_it_looks_for_something_else(dialect: Dialect) -> None:
    steps = [[("finding", {**ONE, "look_for": what})] for what in ("a tail", "snow", PROMPT, "")]
    asked = model(dialect, *steps)
    judged = judge(asked)
    assert [item.look_for for item in judged.assessments] == ["a tail", "snow", ""]
    assert [item.outcome.text for item in judged.assessments if isinstance(item.outcome, Measured)] == [
        "a tail",
        "snow",
        PROMPT,
    ]
    assert "asked before" in results(of_agent(asked)[-1])[-1]  # the prompt itself is what it looks for anyway


@both
@pytest.mark.parametrize(("room", "shown", "judged"), [(2, 0, 0), (3, 1, 1), (16, 6, 4)])
def test_no_more_pictures_than_the_model_takes(dialect: Dialect, room: int, shown: int, judged: int) -> None:
    steps = [[("finding", {"image": "all", "look_for": f"thing {n}"})] for n in range(3)]
    takes = Capability(fit=Fit(), max_images=room, tools=dialect == "native")
    asked = model(dialect, *steps, capability=takes)
    found = judge(asked)
    assert len(of_agent(asked)[-1].conversation.pictures()) == 2 + shown
    assert [len(question.conversation.pictures()) for question in of_judge(asked)] == [2 + judged] * 2
    assert all(each.picture for step in found.selection.steps for look in step.looks for each in look.found)


def test_the_pictures_stand_in_the_order_in_which_the_images_are_shown() -> None:
    steps = [[("finding", {"image": image, "look_for": "x"})] for image in ("image_2", "image_1")]
    asked = model("native", *steps)
    judge(asked)
    straight, turned = of_judge(asked)
    for question in (straight, turned):
        lines = [line for line, _ in captions(question)[2:]]
        assert lines == [f"Image {place} with the findings of finding, asked for 'x':" for place in (1, 2)]
    assert [item.sha256 for _, item in captions(straight)[2:]] == [item.sha256 for _, item in captions(turned)[:1:-1]]


def test_the_judge_sees_of_both_images_what_was_found_on_them() -> None:
    """Four looks at image 1 before the first at image 2 do not fill the room for pictures."""
    looks = [("image_1", f"thing {n}") for n in range(4)] + [("image_2", "a tail"), ("image_2", "snow")]
    asked = model("native", *([("finding", {"image": image, "look_for": what})] for image, what in looks))
    judge(asked, limits=AgentLimits(steps=9))
    for question, (first, second) in zip(of_judge(asked), (("thing 2", "a tail"), ("a tail", "thing 2")), strict=True):
        lines = [line for line, _ in captions(question)[2:]]
        assert [line[:7] for line in lines] == ["Image 1", "Image 1", "Image 2", "Image 2"]
        assert first in lines[0]
        assert second in lines[2]


def test_the_papers_protocol_reads_the_findings_and_sees_no_drawings() -> None:
    asked = model("native", [("finding", {"image": "all", "look_for": ""})])
    judged = judge(asked, protocol="autorater-paper", order="given")
    (question,) = of_judge(asked)
    assert len(question.conversation.pictures()) == 2
    assert "finding.width, Image 2 = 48" in text_of(question)
    assert judged.selection.steps[0].looks[0].found[0].picture


def test_nothing_to_call_asks_nobody() -> None:
    asked = model("native")
    with AutoRater(asked, tools="agent", cache=False) as rater:
        rater.loop.agent.cards.clear()  # type: ignore[union-attr]
        judged = rater.rate(picture(0), prompt=PROMPT)
    assert of_agent(asked) == []
    assert judged.selection.reason == "no specialist applies to this request"


@both
def test_real_specialists_by_the_front_door(dialect: Dialect) -> None:
    asked = model(dialect, [("sharpness", {"image": "all"})])
    with AutoRater(asked, tools="agent", cache=False) as rater:
        judged = rater.compare(picture(0), picture(1), prompt=PROMPT)
    assert [(item.specialist, item.candidate) for item in judged.assessments] == [
        ("sharpness", "a"),
        ("sharpness", "b"),
    ]
    assert all(item.outcome.kind == "measured" for item in judged.assessments)


def test_the_embedded_judge_has_no_agent() -> None:
    with pytest.raises(UsageError, match=r"the embedded judge has none: name one with --model, or choose --tools all"):
        AutoRater(tools="agent")
