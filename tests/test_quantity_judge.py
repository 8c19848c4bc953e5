"""A judge by one reading: direction, bounds, ties, absences, and the names it takes."""

import asyncio
from pathlib import Path

import pytest
from fakes import card
from pictures import picture

from autorater import AutoRater
from autorater.assessment import Assessment, Declined, Failed, Measured, Outcome, Provenance, Quantity, Reading
from autorater.errors import UsageError
from autorater.judgment import Pass
from autorater.quantity_judge import NOTICE, QuantityJudge, read_quantity
from autorater.replay import replay
from autorater.request import make_request
from autorater.screen import show_judgment

PROVENANCE = Provenance(card="0" * 64, settings="0" * 64, device="cpu", seconds=0)
REWARD = Quantity(name="reward", meaning="How liked.", unit="score", low=None, high=None, better="higher")
DAMAGE = Quantity(name="damage", meaning="How broken.", unit="1", low=0, high=1, better="lower")
SIZE = Quantity(name="size", meaning="How big.", unit="px", low=0, high=None, better="neither")
CARDS = {
    "liking": card("liking", quantities=(REWARD,)),
    "looking": card("looking", quantities=(REWARD, DAMAGE, SIZE)),
    "sizing": card("sizing", quantities=(SIZE,)),
}


def said(letter: str, value: float | Outcome, quantity: str = "reward") -> Assessment:
    outcome = (
        value if not isinstance(value, (int, float)) else Measured(readings=(Reading(quantity=quantity, value=value),))
    )
    return Assessment(specialist="liking", candidate=letter, outcome=outcome, provenance=PROVENANCE)


def decide(*told: Assessment, quantity: Quantity = REWARD) -> Pass:
    task = "rate" if len(told) == 1 else "compare"
    request = make_request([picture(index) for index in range(len(told))], prompt="a kite", task=task)
    (found,) = asyncio.run(QuantityJudge("liking", quantity)(request, told, CARDS))
    return found


@pytest.mark.parametrize(
    ("one", "other", "quantity", "preferred", "chance"),
    [
        (1.5, -2, REWARD, "a", 1.0),
        (-2, 1.5, REWARD, "b", 0.0),
        (0.2, 0.3, DAMAGE, "a", 1.0),
        (0.5, 0.5, DAMAGE, "tie", 0.5),
    ],
)
def test_the_better_reading_is_preferred(
    one: float, other: float, quantity: Quantity, preferred: str, chance: float
) -> None:
    found = decide(said("a", one, quantity.name), said("b", other, quantity.name), quantity=quantity)
    assert found.verdict
    assert (found.verdict.preference, found.probability) == (preferred, chance)
    assert found.outcome == ("tie" if preferred == "tie" else "scored")
    assert [citation.flag for citation in found.verdict.citations] == ["", ""]
    assert NOTICE in found.verdict.rationale


@pytest.mark.parametrize(("value", "points"), [(0.0, 10.0), (1.0, 1.0), (0.25, 7.75)])
def test_a_bounded_reading_is_a_score(value: float, points: float) -> None:
    found = decide(said("a", value, "damage"), quantity=DAMAGE)
    assert (found.outcome, found.score) == ("scored", points)


def test_a_reading_without_bounds_rates_nothing() -> None:
    found = decide(said("a", 3.2))
    assert (found.outcome, found.score) == ("abstained", None)
    assert "liking.reward = 3.2 has no bounds" in found.detail


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Declined(reason="no face"), "image b: declined: no face"),
        (Failed(error="the GPU is full"), "image b: failed: the GPU is full"),
    ],
)
def test_an_absence_is_an_abstention(outcome: Outcome, why: str) -> None:
    found = decide(said("a", 1), said("b", outcome))
    assert (found.outcome, found.verdict) == ("abstained", None)
    assert why in found.detail


def test_names() -> None:
    assert read_quantity("liking.reward", CARDS).name == "liking.reward"
    assert read_quantity("liking.", CARDS).name == "liking.reward"
    for wrong, message in {
        "likin.reward": "did you mean 'liking'",
        "looking.": r"looking\.reward, looking\.damage",
        "looking.size": "can be better or worse",
        "sizing.": "none that has a direction",
    }.items():
        with pytest.raises(UsageError, match=message):
            read_quantity(wrong, CARDS)


def test_it_is_chosen_by_the_criterion_and_replays(tmp_path: Path) -> None:
    sharp, blurred = picture(1), picture(2)
    with AutoRater(criterion="exposure.black_share", log=tmp_path / "log", cache=False) as judge:
        judged = judge.compare(sharp, blurred, prompt="a kite")
    assert judged.judged_by.model == "specialist:exposure.black_share"
    assert [item.specialist for item in judged.assessments] == ["exposure", "exposure"]
    assert all(item.identical for item in replay(tmp_path / "log"))
    with pytest.raises(UsageError, match="can be better or worse"):
        AutoRater(criterion="exposure.brightness")


def test_what_the_criterion_lacks_is_told() -> None:
    with pytest.raises(UsageError, match="the weights of the specialist 'dreamsim' are not here"):
        AutoRater(criterion="dreamsim.distance")
    with pytest.raises(UsageError, match="no specialist is called 'dreamsin'; did you mean 'dreamsim'"):
        AutoRater(criterion="dreamsin.distance")
    for name, quantity in {"reward_head": "score", "reward_preference": "preference"}.items():
        way = f"make one with `autorater train-head … --out heads/x`, then run `autorater tools pull {name} --from h"
        with pytest.raises(UsageError, match=way):
            AutoRater(criterion=f"{name}.{quantity}")


def test_a_place_of_what_does_not_run_is_refused() -> None:
    with pytest.raises(UsageError, match="a place is given for sharpness, which --tools leaves out"):
        AutoRater(tools="exposure", places={"sharpness": "worker"})


def test_what_a_specialist_says_of_all_images_is_shown_once_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with AutoRater(criterion="exposure.black_share", cache=False) as judge:
        judged = judge.compare(picture(1), picture(2), prompt="a kite")
    text = "On 15 examples that it never saw: accuracy half 0.900 (n = 15 of 15, 95 % 0.700 to 1.000). "
    text += "Trained with the loss bt on 35 examples of own (overall)."
    told = [said(letter, Measured(readings=(Reading(quantity="reward", value=1),), text=text)) for letter in "ab"]
    show_judgment(judged.model_copy(update={"assessments": tuple(told)}), CARDS)
    shown = "".join(capsys.readouterr().out.split())
    assert shown.count("a,b:On15examples") == 1
    assert shown.count("Trained") == 1
    told[1] = said("b", Measured(readings=(Reading(quantity="reward", value=1),), text="word " * 100))
    show_judgment(judged.model_copy(update={"assessments": tuple(told)}), CARDS)
    shown = "".join(capsys.readouterr().out.split())
    assert shown.count("wordword") > 20
    assert "word…" in shown
