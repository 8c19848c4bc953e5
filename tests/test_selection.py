"""Which specialists run."""

import json
from typing import Any

import pytest
from fakes import card
from pictures import picture
from scripted import ScriptedModel

from autorater.errors import UsageError
from autorater.judgment import Chosen
from autorater.ledger import Ledger
from autorater.model import Question, Reply, Sampling
from autorater.request import Request, Task
from autorater.selection import LIMIT, Selection, applicable, parse_selection, select

CARDS = {
    item.name: item
    for item in (
        card("plain"),
        card("reads", needs=("prompt",)),
        card("compares", needs=("rival",)),
        card("edits", needs=("source", "prompt")),
        card("sharp"),
    )
}


def request(count: int = 2, *, edit: bool = False) -> Request:
    tasks: dict[int, Task] = {1: "rate", 2: "compare"}
    candidates = tuple(picture(number) for number in range(count))
    return Request("a fox", candidates, (picture(9),) if edit else (), tasks.get(count, "rank"))


async def chosen(how: Selection, said: Any = None, count: int = 2, *, edit: bool = False) -> Chosen:
    model = None if said is None else ScriptedModel(lambda question: said)
    return await select(how, request(count, edit=edit), CARDS, model=model, ledger=Ledger(), sampling=Sampling())


def names(*told: Any, reason: Any = "because") -> str:
    return json.dumps({"reason": reason, "specialists": told})


@pytest.mark.parametrize(
    ("tools", "selection"),
    [
        ("all", Selection("all")),
        ("auto", Selection("auto")),
        ("none", Selection("none")),
        ("agent", Selection("agent")),
        ("niqe", Selection("fixed", ("niqe",))),
        (" niqe, brisque,,niqe ", Selection("fixed", ("niqe", "brisque"))),
        (["niqe", " brisque"], Selection("fixed", ("niqe", "brisque"))),
        (("all",), Selection("fixed", ("all",))),
    ],
)
def test_reading_what_the_caller_wants(tools: Any, selection: Selection) -> None:
    assert parse_selection(tools) == selection


@pytest.mark.parametrize("tools", ["", ",", " ", [], [""]])
def test_nothing_is_not_a_selection(tools: Any) -> None:
    with pytest.raises(UsageError, match="give all, auto, agent, none, or names separated by commas"):
        parse_selection(tools)


@pytest.mark.parametrize(
    ("count", "edit", "offered"),
    [
        (1, False, ["plain", "reads", "sharp"]),
        (2, False, ["plain", "reads", "compares", "sharp"]),
        (2, True, ["plain", "reads", "compares", "edits", "sharp"]),
        (1, True, ["plain", "reads", "edits", "sharp"]),
        (3, False, ["plain", "reads", "sharp"]),  # of three candidates, none has one rival
    ],
)
def test_what_applies(count: int, edit: bool, offered: list[str]) -> None:
    assert [item.name for item in applicable(CARDS.values(), request(count, edit=edit))] == offered


async def test_all_none_and_auto_without_a_model() -> None:
    everything = ("plain", "reads", "compares", "sharp")
    assert (await chosen(Selection("all"))).names == everything
    assert (await chosen(Selection("auto"))).names == everything
    assert (await chosen(Selection("none"))).names == ()


async def test_a_fixed_list_keeps_its_order_and_tells_what_is_left_out() -> None:
    found = await chosen(Selection("fixed", ("sharp", "edits", "plain")))
    assert found.names == ("sharp", "plain")
    assert found.warnings == ("edits does not apply to this request and did not run",)
    only = await chosen(Selection("fixed", ("edits",)))
    assert (only.names, only.warnings) == ((), found.warnings)


@pytest.mark.parametrize(
    ("said", "run", "warnings"),
    [
        (names("sharp", "reads"), ("sharp", "reads"), ()),
        (names(), (), ()),
        (names(" Sharp", "SHARP", "reads"), ("sharp", "reads"), ()),
        (names("sharp", "nonsense"), ("sharp",), ("'nonsense' was chosen but not offered",)),
        (names("edits"), (), ("'edits' was chosen but not offered",)),
        (
            names("plain", "reads", "compares", "sharp"),
            ("plain", "reads", "compares"),
            (f"4 specialists were chosen, the first {LIMIT} ran",),
        ),
        (f"```json\n{names('sharp')}\n```", ("sharp",), ()),
        (names("x" * 500), (), (f"'{'x' * 60}' was chosen but not offered",)),
    ],
)
async def test_what_the_model_chooses(said: str, run: tuple[str, ...], warnings: tuple[str, ...]) -> None:
    found = await chosen(Selection("auto"), said)
    assert (found.how, found.names, found.warnings) == ("auto", run, warnings)
    assert found.reason == "because"
    assert found.call


@pytest.mark.parametrize("said", ["", "no", "[]", '{"specialists": []}', names("sharp", reason=5), '{"a":' * 50_000])
async def test_a_choice_that_cannot_be_read_is_none(said: str) -> None:
    found = await chosen(Selection("auto"), said)
    assert (found.names, found.reason) == ((), "")
    assert found.warnings == ("the choice of specialists could not be read, so none ran",)


async def test_the_warnings_do_not_grow_with_the_nonsense() -> None:
    found = await chosen(Selection("auto"), names(*(f"n{number}" for number in range(1000))))
    assert len(found.warnings) == LIMIT


async def test_a_refusal_is_told_and_what_dropped_too() -> None:
    reply = Reply(text="", finish="refusal", refusal="not mine", warnings=("seed was dropped",))
    found = await chosen(Selection("auto"), reply)
    assert found.warnings == ("choosing was refused: not mine", "seed was dropped")


async def test_the_model_is_offered_only_what_applies() -> None:
    asked: list[Question] = []

    def script(question: Question) -> str:
        asked.append(question)
        return names()

    await select(
        Selection("auto"), request(1), CARDS, model=ScriptedModel(script), ledger=Ledger(), sampling=Sampling()
    )
    schema = asked[0].schema
    assert schema["properties"]["specialists"]["items"]["enum"] == ["plain", "reads", "sharp"]
    assert schema["properties"]["specialists"]["maxItems"] == LIMIT
    assert schema["required"] == list(schema["properties"]) == ["reason", "specialists"]


async def test_without_anything_to_offer_nobody_is_asked() -> None:
    model = ScriptedModel()
    found = await select(
        Selection("auto"),
        request(1),
        {"edits": CARDS["edits"]},
        model=model,
        ledger=Ledger(),
        sampling=Sampling(),
    )
    assert (found.names, found.reason) == ((), "no specialist applies to this request")
    assert model.asked == []
