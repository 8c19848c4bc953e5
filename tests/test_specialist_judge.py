"""The embedded judge decides from assessments alone, alike in both orders, and says what it had and what it lacked."""

import asyncio
from typing import Any

import pytest
from pictures import picture

from autorater.assessment import Assessment, Declined, Measured, Outcome, Provenance, Reading
from autorater.card import find_cards
from autorater.embedded import Coefficients, Dimension, Rule, Scale, read_coefficients
from autorater.errors import UsageError
from autorater.judgment import Pass
from autorater.request import Request, Task, make_request
from autorater.specialist_judge import NOTICE, SpecialistJudge

PROVENANCE = Provenance(card="0" * 64, settings="0" * 64, device="cpu", seconds=0)
HEADS = {"appeal": 3.0, "realism": 3.0, "quality": 3.0, "subject": 3.0}
USUAL: dict[str, dict[str, float]] = {
    "generated_quality": HEADS,
    "niqe": {"niqe": 4.0},
    "brisque": {"brisque": 30.0},
    "content_labels": {"prompt_match": 0.05, "concept_match": 0.3, "certainty": 0.5},
    "perceptual_similarity": {"distance": 0.05},
    "face_similarity": {"worst_similarity": 0.97},
}


def request(task: Task = "compare", *, edit: bool = False, count: int = 2) -> Request:
    return make_request(
        [picture(index) for index in range(1 if task == "rate" else count)],
        prompt="a red kite",
        source=picture(9) if edit else None,
        task=task,
    )


def said(letter: str, **changed: dict[str, float] | Outcome | None) -> list[Assessment]:
    """Assessments of one candidate: the usual ones, some readings of them changed, or another outcome, or none."""
    told: list[Assessment] = []
    for name, usual in USUAL.items():
        change = changed.get(name, {})
        if change is None:
            continue
        if isinstance(change, dict):
            readings = {**usual, **change}
            change = Measured(readings=tuple(Reading(quantity=key, value=value) for key, value in readings.items()))
        told.append(Assessment(specialist=name, candidate=letter, outcome=change, provenance=PROVENANCE))
    return told


def decide(task: Request, *assessments: list[Assessment], **options: Any) -> Pass:
    judge = SpecialistJudge(**options)
    every = [item for items in assessments for item in items]
    (found,) = asyncio.run(judge(task, every, find_cards()))
    return found


def chance(found: Pass) -> float:
    assert found.probability is not None
    return found.probability


BETTER: dict[str, tuple[str, float, float]] = {
    "appeal": ("generated_quality", 3.0, 3.8),
    "realism": ("generated_quality", 3.0, 3.8),
    "quality": ("generated_quality", 3.0, 3.8),
    "subject": ("generated_quality", 3.0, 3.8),
    "niqe": ("niqe", 7.0, 3.0),
    "brisque": ("brisque", 80.0, 10.0),
    "prompt_match": ("content_labels", -0.2, 0.8),
    "concept_match": ("content_labels", -0.2, 0.8),
}
"""Quantity → specialist, a worse value, a better value."""


@pytest.mark.parametrize("quantity", BETTER)
def test_a_better_reading_raises_the_chance_and_swapping_the_images_turns_it(quantity: str) -> None:
    specialist, worse, better = BETTER[quantity]
    good, bad = {specialist: {quantity: better}}, {specialist: {quantity: worse}}
    first = decide(request(), said("a", **good), said("b", **bad))
    second = decide(request(), said("a", **bad), said("b", **good))
    assert chance(first) > 0.5
    assert chance(first) + chance(second) == pytest.approx(1)
    swapped = {"a": "b", "b": "a", "tie": "tie"}
    assert first.verdict
    assert second.verdict
    assert second.verdict.preference == swapped[first.verdict.preference or "tie"]


@pytest.mark.parametrize("quantity", BETTER)
def test_the_chance_grows_with_every_step_of_a_reading(quantity: str) -> None:
    specialist, worse, better = BETTER[quantity]
    steps = [worse + (better - worse) * step / 8 for step in range(9)]
    found = [chance(decide(request(), said("a", **{specialist: {quantity: step}}), said("b"))) for step in steps]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_equal_readings_are_a_tie_at_a_half() -> None:
    found = decide(request(), said("a"), said("b"))
    assert (found.outcome, found.probability) == ("tie", 0.5)
    assert found.verdict
    assert found.verdict.preference == "tie"
    assert set(found.verdict.attributes.values()) == {"same"}


def test_a_gap_below_half_of_tau_is_a_tie_and_beyond_it_is_none() -> None:
    tau = read_coefficients().overall_tau
    for gap, outcome in ((tau * 0.45, "tie"), (tau * 0.55, "scored")):
        raised = {name: value + gap for name, value in HEADS.items()}
        assert decide(request(), said("a", generated_quality=raised), said("b")).outcome == outcome


def test_a_reading_of_one_side_alone_enters_neither() -> None:
    absent = Declined(reason="the picture is too small")
    with_it = decide(request(), said("a", brisque={"brisque": 0.0}), said("b", brisque=absent))
    without = decide(request(), said("a", brisque=None), said("b", brisque=None))
    assert with_it.probability == without.probability == 0.5
    assert with_it.verdict
    assert "Not used: brisque (image b: declined: the picture is too small)" in with_it.verdict.rationale
    assert without.verdict
    assert "Not used: brisque was not run" in without.verdict.rationale


def test_a_missing_reading_of_a_rating_counts_as_the_mean() -> None:
    coefficients = read_coefficients()
    scale = coefficients.readings["brisque"]
    mean = scale.centre + scale.direction * scale.mean * scale.scale
    absent = decide(request("rate"), said("a", brisque=None))
    usual = decide(request("rate"), said("a", brisque={"brisque": mean}))
    assert absent.score == pytest.approx(usual.score, abs=0.01)


@pytest.mark.parametrize("missing", ["a", "b"])
def test_it_abstains_without_the_predicted_ratings(missing: str) -> None:
    sides = {letter: said(letter, generated_quality=None) if letter == missing else said(letter) for letter in "ab"}
    found = decide(request(), *sides.values())
    assert (found.outcome, found.verdict, found.probability) == ("abstained", None, None)
    assert "generated_quality" in found.detail


def test_it_abstains_when_nothing_was_measured() -> None:
    assert decide(request("rate")).outcome == "abstained"


def test_a_rating_has_dimensions_levels_and_a_score_of_ten() -> None:
    best = decide(request("rate"), said("a", generated_quality=dict.fromkeys(HEADS, 5.0), brisque={"brisque": 0.0}))
    worst = decide(request("rate"), said("a", generated_quality=dict.fromkeys(HEADS, 1.0), brisque={"brisque": 99.0}))
    for found, level in ((best, "excellent"), (worst, "bad")):
        assert found.verdict
        assert set(found.verdict.attributes) == {"aesthetics", "object_adherence", "overall"}
        assert found.verdict.attributes["overall"] == level
        dimensions = found.verdict.dimensions["a"]
        assert set(dimensions) == {"appeal", "realism", "prompt_matching", "quality", "overall"}
        assert all(1 <= value <= 5 for value in dimensions.values())
        assert found.score is not None
        assert found.verdict.score == round(found.score)
    assert best.score is not None
    assert worst.score is not None
    assert best.score > 9
    assert worst.score < 2


def test_a_pair_says_by_how_much() -> None:
    found = decide(request(), said("a", generated_quality=dict.fromkeys(HEADS, 4.5)), said("b"))
    assert found.verdict
    assert set(found.verdict.attributes.values()) == {"a_much_better"}
    found = decide(request(), said("a"), said("b", generated_quality={"appeal": 3.6}))
    assert found.verdict
    assert found.verdict.attributes["aesthetics"] == "b_better"


def test_the_rationale_names_readings_directions_and_that_no_vlm_looked() -> None:
    found = decide(request(), said("a", brisque={"brisque": 12.0}), said("b", brisque={"brisque": 91.0}))
    assert found.verdict
    told = found.verdict.rationale
    assert "BRISQUE 12 against 91 (lower is better)" in told
    assert told.endswith(NOTICE)
    quoted = {item.assessment: item.quote for item in found.verdict.citations}
    assert quoted["brisque.brisque@a"] == "12"
    assert quoted["brisque.brisque@b"] == "91"


def test_what_speaks_against_the_decision_is_told_too() -> None:
    found = decide(request(), said("a", generated_quality=dict.fromkeys(HEADS, 4.0)), said("b", niqe={"niqe": 2.5}))
    assert found.verdict
    assert found.verdict.preference == "a"
    assert "Against it: NIQE 4 against 2.5 (lower is better)" in found.verdict.rationale


def test_one_dimension_can_decide() -> None:
    sides = (said("a", generated_quality={"realism": 4.0}), said("b", generated_quality={"appeal": 4.5}))
    for criterion, preferred in (("realism", "a"), ("appeal", "b")):
        found = decide(request(), *sides, criterion=criterion)
        assert found.verdict
        assert found.verdict.preference == preferred
    with pytest.raises(UsageError, match="decides by one of overall, appeal"):
        SpecialistJudge(criterion="beauty")


def test_an_edit_that_changed_nothing_loses() -> None:
    found = decide(request(edit=True), said("a", perceptual_similarity={"distance": 0.0}), said("b"))
    assert found.verdict
    assert found.verdict.preference == "b"
    assert "almost the source itself" in found.verdict.rationale
    assert "rules for edits are set by hand" in found.verdict.rationale


def test_an_edit_that_lost_a_face_loses() -> None:
    found = decide(request(edit=True), said("a"), said("b", face_similarity={"worst_similarity": 0.0}))
    assert found.verdict
    assert found.verdict.preference == "a"
    assert "Image b: a face of the source is gone" in found.verdict.rationale


def test_an_instruction_is_no_description_so_its_match_does_not_enter() -> None:
    found = decide(request(edit=True), said("a", content_labels={"prompt_match": 1.0}), said("b"))
    assert found.probability == 0.5
    assert found.verdict
    assert set(found.verdict.dimensions["a"]) == {"appeal", "realism", "quality", "overall"}


def test_a_dimension_that_says_nothing_of_edits_abstains() -> None:
    found = decide(request(edit=True), said("a"), said("b"), criterion="prompt_matching")
    assert found.outcome == "abstained"


def test_the_digest_changes_with_coefficients_and_criterion() -> None:
    coefficients = read_coefficients()
    other = coefficients.model_copy(update={"overall_tau": 9.0})
    judges = [SpecialistJudge(), SpecialistJudge(criterion="appeal"), SpecialistJudge(coefficients=other)]
    assert len({judge.digest for judge in judges}) == 3


def test_one_reading_may_enter_twice() -> None:
    scales = {
        name: Scale(
            reading="x.x", words="x", centre=0, scale=1, low=-1, high=high, direction=1, mean=0, of_prompt=False
        )
        for name, high in (("all", 1), ("low", 0))
    }
    dimension = Dimension(base="y.y", offset=0, coefficients={"all": 1, "low": 1}, tau=1)
    small = Coefficients(
        provenance={},
        readings=scales,
        dimensions={"quality": dimension},
        overall_tau=1,
        edit_dimensions=("quality",),
        edit_rules=(Rule(reading="y.y", side="below", limit=0, effect=-1, words="low"),),
    )
    for value, expected in ((1.0, 4.0), (-0.5, 2.0)):
        readings = (Reading(quantity="x", value=value),), (Reading(quantity="y", value=3.0),)
        told = [
            Assessment(specialist=name, candidate="a", outcome=Measured(readings=items), provenance=PROVENANCE)
            for name, items in zip("xy", readings, strict=True)
        ]
        found = decide(request("rate"), told, coefficients=small)
        assert found.verdict
        assert found.verdict.dimensions["a"]["quality"] == expected


def references() -> list[tuple[str, int]]:
    """Every reading that the shipped coefficients name, with its direction (0: none)."""
    known = read_coefficients()
    told = [(scale.reading, scale.direction) for scale in known.readings.values()]
    told += [(dimension.base, 1) for dimension in known.dimensions.values()]
    return sorted(set(told + [(rule.reading, 0) for rule in known.edit_rules]))


@pytest.mark.parametrize(("reading", "direction"), references())
def test_every_reading_of_the_coefficients_is_on_a_card_with_its_direction(reading: str, direction: int) -> None:
    specialist, _, quantity = reading.partition(".")
    judge = SpecialistJudge()
    assert specialist in (*judge.reads(edit=False), *judge.reads(edit=True))
    better = find_cards()[specialist].quantity(quantity).better
    assert direction == 0 or better == {1: "higher", -1: "lower"}[direction]


def test_every_coefficient_is_of_a_known_reading_and_never_negative() -> None:
    known = read_coefficients()
    for dimension in known.dimensions.values():
        assert set(dimension.coefficients) <= set(known.readings)
        assert min(dimension.coefficients.values()) >= 0
    assert set(known.edit_dimensions) <= set(known.dimensions)
    assert known.provenance["images"] == 52
