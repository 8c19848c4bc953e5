"""A table of planted and caught: what each filter throws out, alone and within a whole distillation."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pictures import picture
from PIL import Image, ImageFilter
from teaching import Change, pairs, said_to, teach, write_rows, writer

from autorater.assessment import Assessment, Measured, Provenance, Quantity, Reading
from autorater.checklist import Checklist, Item
from autorater.events import PictureRecord
from autorater.evidence import check_citations, show_evidence
from autorater.image import open_picture
from autorater.model import Question
from autorater.verdict import Citation, Verdict
from autorater_evals.distillation import Plan, check
from autorater_evals.distillation.against import index_folders
from autorater_evals.distillation.classifier import tell_apart
from autorater_evals.distillation.draft import Context, Draft, in_form
from autorater_evals.distillation.filters import FILTERS, NAMES, check_names
from autorater_evals.distillation.pictures import alike
from autorater_evals.distillation.plan import Subject, Variant
from autorater_evals.distillation.prompts import normal, prompt_digest
from autorater_evals.distillation.repeats import repeats
from autorater_evals.distillation.wording import repeated
from autorater_evals.trainset import Label, open_set

PLAN = Plan()
FREE = Plan(variants=("free",), tries=1, without=("classifier",))


def faults(draft: Draft, context: Context | None = None) -> dict[str, str]:
    """Filter → why, of every filter that throws a draft out."""
    found = {one.name: one.reason(draft, context or Context(PLAN)) for one in FILTERS}
    return {name: why for name, why in found.items() if why is not None}


def pair(rationale: str, *, preference: Any = "a", label: Any = "a", **more: Any) -> Draft:
    told = {"rationale": rationale, "preference": {"a": "image_1", "b": "image_2"}.get(preference, "tie")}
    subject = Subject(
        item="p", benchmark="b", task="compare", prompt="a car of 1950", cluster="c", label=Label(preferred=label),
        numbers=(1.0909,),
    )  # fmt: skip
    fields: dict[str, Any] = {
        "order": (0, 1),
        "completion": json.dumps(told),
        "told": told,
        "verdict": Verdict(rationale=rationale, preference=preference),
        "rederived": {"preference": told["preference"]},
        "shown": "a car of 1950\n",
        **more,
    }
    return Draft(subject, **fields)


def rated(score: int, label: float, rationale: str = "Clean.", **more: Any) -> Draft:
    told = {"rationale": rationale, "score": score}
    subject = Subject(
        item="r",
        benchmark="b",
        task="rate",
        prompt="a car",
        cluster="c",
        label=Label(score=label),
        numbers=(3.02, label),
    )
    verdict = Verdict(rationale=rationale, score=score)
    fields: dict[str, Any] = {"completion": json.dumps(told), "told": told, "verdict": verdict, "rederived": told}
    return Draft(subject, **{**fields, **more})


def with_evidence(rationale: str, quote: str = "", label: str = "E1") -> Draft:
    """A draft that was shown three readings: 48.12 and 0.5 of image 1, 7 of image 2."""
    from fakes import card

    depth = Quantity(name="depth", meaning="Depth.", unit="score", low=0, high=100, better="higher")
    cards = {"sonar": card("sonar", quantities=(depth, depth.model_copy(update={"name": "rough_side"})))}
    made = Provenance(card="", settings="", device="cpu", seconds=0)

    def says(letter: str, **values: float) -> Assessment:
        readings = tuple(Reading(quantity=name, value=value) for name, value in values.items())
        return Assessment(
            specialist="sonar", candidate=letter, outcome=Measured(readings=readings), provenance=made
        )  # fmt: skip

    told = [says("a", depth=48.12, rough_side=0.5), says("b", depth=7)]
    evidence = show_evidence(told, cards, (0, 1))
    cited = (Citation(assessment=label, quote=quote),) if quote else ()
    draft = pair(rationale, evidence=evidence, shown="\n".join(evidence.lines))
    verdict = Verdict(rationale=rationale, preference="a", citations=check_citations(cited, evidence))
    return replace(draft, verdict=verdict)


# --- one draft -------------------------------------------------------------------------------------------------------

OTHER = replace(pair("Fine."), order=(1, 0))
CLEAN = {
    "a plain pair": pair("Image 1 has three dogs, Image 2 one."),
    "counts and ordinals": pair("Image 1 shows 2 dogs and 20 birds; the 3rd leg in Image 2 is odd."),
    "a number of the prompt": pair("Image 1 looks like a car of 1950."),
    "text read in the image": pair('The sign in Image 1 says "1984", as it should.'),
    "people who are seen": pair("Two people found a dog; the people like it. The given prompt asks for it."),
    "what the prompt says": pair("As stated in the prompt, it is red."),
    "a reading": with_evidence("The depth of Image 1 is 48.12.", "depth 48.12"),
    "a reading, rounded": with_evidence("Sonar gives 48.1 and 48 for Image 1.", "48.1"),
    "a count in the sentence after a name": with_evidence("It is good in depth. All in all, 7 of 10."),
    "a reading that is the label's number too": replace(
        with_evidence("The depth of Image 1 is 48.12."),
        subject=pair("").subject.model_copy(update={"numbers": (48.12,)}),
    ),
    "the end of a range": with_evidence("Of at most 100, it has less than half."),
    "a score within a step": rated(7, 7.9),
    "both orders": pair("Fine.", other=OTHER),
}
PLANTED: dict[str, tuple[str, Draft, str]] = {
    "a wrong side": ("verdict", pair("Fine.", preference="b"), "b, people say a"),
    "a tie that people did not call": ("verdict", pair("Fine.", preference="tie"), "tie, people say a"),
    "a side where people are split": ("verdict", pair("Fine.", label="tie"), "a, people say tie"),
    "a score two steps off": ("verdict", rated(5, 7.9), "5, people say 7.9"),
    "ground truth": ("leakage", pair("It fits the ground-truth."), "speaks of the label: 'ground-truth'"),
    "human raters": ("leakage", pair("Human raters like Image 1."), "speaks of the label"),
    "the given label": ("leakage", pair("I follow the given label."), "speaks of the label"),
    "as indicated": ("leakage", pair("As indicated, Image 1 wins."), "speaks of the label: 'As indicated'"),
    "people said": ("leakage", pair("People preferred Image 1."), "speaks of the label: 'People prefer'"),
    "mean opinion score": ("leakage", pair("Its MOS is high."), "speaks of the label: 'MOS'"),
    "the block": ("leakage", pair("I write as if this block were not there."), "speaks of the label"),
    "a leak in an observation": (
        "leakage",
        replace(pair("Fine."), told={"observations": {"image_1": "The correct answer."}, "preference": "image_1"}),
        "speaks of the label: 'The correct answer'",
    ),
    "the label's decimals": ("leakage", rated(8, 7.9, "It is a 3.02.", shown="3.02"), "quotes the label: 3.02"),
    "the label's decimals within a reading": (
        "leakage",
        replace(
            with_evidence("The depth of Image 1 is 48.12, and 8.12 is fair."),
            subject=pair("").subject.model_copy(update={"numbers": (8.12,), "prompt": "a car for 8.12"}),
            shown="for 8.12, depth 48.12",
        ),
        "quotes the label: 8.12",
    ),
    "a number from nowhere": ("grounding", pair("Image 1 has 61.5 points."), "the number 61.5 is in no assessment"),
    "a percentage": ("grounding", pair("Image 1 is better by 20 %."), "the number 20 % is in no assessment"),
    "a misquoted reading": ("grounding", with_evidence("The depth is 48.9."), "the number 48.9"),
    "a small misquoted reading": ("grounding", with_evidence("The rough side is at 12."), "the number 12"),
    "a misquoted citation": ("grounding", with_evidence("Fine.", "49.1"), "quotes 49.1; the reading is 48.12"),
    "a number from nowhere in an observation": (
        "grounding",
        replace(pair("Fine."), told={"observations": {"image_1": "It has 61.5 points."}, "preference": "image_1"}),
        "the number 61.5 is in no assessment",
    ),
    "a citation of nothing": ("grounding", with_evidence("Fine.", "7", "E9"), "no such assessment was shown"),
    "the other order disagrees": (
        "swap",
        pair("Fine.", other=replace(OTHER, verdict=Verdict(preference="b"))),
        "in the other order: b, in this one a",
    ),
    "the other order leaks": (
        "swap",
        pair("Fine.", other=OTHER, other_problem="leakage: speaks of the label"),
        "in the other order: leakage",
    ),
    "a rationale for the other side": (
        "rederivation",
        pair("Fine.", rederived={"preference": "image_2"}),
        "its rationale speaks for image_2",
    ),
    "a rationale for another score": ("rederivation", rated(8, 8, rederived={"score": 5}), "speaks for 5"),
    "a second reader without an answer": ("rederivation", pair("Fine.", rederived={}), "could not be read"),
    "the other order's rationale": (
        "rederivation",
        pair("Fine.", other=replace(OTHER, rederived={"preference": "image_2"})),
        "its rationale speaks for image_2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN)
def test_what_is_clean_passes_every_filter(name: str) -> None:
    assert faults(CLEAN[name]) == {}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_caught_by_its_filter_and_no_other(name: str) -> None:
    wanted, draft, why = PLANTED[name]
    found = faults(draft)
    assert found.keys() == {wanted}
    assert why in found[wanted]


def test_answers_are_held_to_every_labelled_question_and_follow_their_parents() -> None:
    asked = Checklist(
        name="q",
        items=(Item(id="fox", text="?"), Item(id="red", text="?", depends_on=("fox",)), Item(id="sky", text="?")),
    )
    subject = Subject(
        item="q", benchmark="b", task="check", prompt="p", cluster="c", questions=asked,
        label=Label(answers={"fox": "no", "red": "no"}),
    )  # fmt: skip

    def answered(**told: Any) -> dict[str, str]:
        answers = asked.settle({"fox": "no", "red": "no", "sky": "yes", **told})
        fields = {"checklist": {name: {"image_1": told} for name, told in answers.items()}, "rationale": "."}
        draft = Draft(subject, completion="{}", told=fields, verdict=Verdict(checklist={"a": answers}))
        return faults(replace(draft, rederived={"fox": "no", "red": "cannot_tell"}))

    assert answered() == answered(sky="no") == answered(red="yes") == {}  # of no fox nobody asks whether it is red
    assert answered(fox="yes") == {
        "verdict": "answered otherwise than people: fox, red",
        "rederivation": "its rationale says otherwise of: fox",
    }


# --- before any call --------------------------------------------------------------------------------------------------


def test_a_prompt_is_the_same_in_other_case_spaces_and_marks() -> None:
    assert normal("  A RED Fox,\tin  snow!") == normal("a red fox in snow") == "a red fox in snow"
    assert prompt_digest("?!") != prompt_digest("!?")


def test_pictures_look_the_same_after_scaling_and_compression_and_not_when_they_differ(tmp_path: Path) -> None:
    smooth = (
        Image.open(__import__("io").BytesIO(picture(3).data)).resize((256, 192)).filter(ImageFilter.GaussianBlur(6))
    )
    smooth.save(tmp_path / "a.png")
    smooth.save(tmp_path / "b.jpg", quality=60)
    smooth.resize((128, 96)).save(tmp_path / "c.png")
    smooth.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "d.png")
    for number, grey in enumerate((10, 200)):  # flat: the hash alone cannot tell them apart
        Image.new("RGB", (64, 64), (grey, grey, grey)).save(tmp_path / f"flat{number}.png")
    opened = {path.name: open_picture(path) for path in sorted(tmp_path.iterdir())}
    found = alike([*opened], lambda name: opened[name])
    assert found == {
        "a.png": "a.png", "b.jpg": "a.png", "c.png": "a.png", "d.png": "d.png",
        "flat0.png": "flat0.png", "flat1.png": "flat1.png",
    }  # fmt: skip


def test_a_repeated_rationale_is_found_across_items_only() -> None:
    text = "the sky of the first picture is torn and the hand has six fingers where five belong"
    other = "water runs up the wall, which no water does, and the glass throws no shadow at all"
    third = "the lamp burns with no flame while the table beneath it bends as if it were made of cloth"
    told: list[tuple[tuple[str, Variant], tuple[str, ...]]] = [
        (("one", "free"), (text, third)),
        (("one", "tools"), (text,)),
        (("two", "free"), (text + ".",)),
        (("three", "free"), (other,)),
        (("four", "free"), ("another start of quite other words, none of which stood before", third.upper())),
    ]
    assert repeated(told) == {("two", "free"): "one", ("four", "free"): "one"}  # in either order of the pair


def test_what_is_equal_is_not_also_alike() -> None:
    def subject(item: str, *images: str, prompt: str = "a fox") -> Subject:
        fields: dict[str, Any] = {"media_type": "image/png", "width": 1, "height": 1, "plain": True, "size": 1}
        records = tuple(PictureRecord(sha256=name, **fields) for name in images)
        return Subject(item=item, benchmark="b", task="compare", prompt=prompt, cluster="c", candidates=records)

    told = [subject("1", "x", "y"), subject("2", "y", "x"), subject("3", "z", "y"), subject("4", "x", "y", prompt="no")]
    assert repeats(told, {"z": "x"}) == ({"2": "1"}, {"3": "1"})
    assert repeats(told, {}) == ({"2": "1"}, {})


def test_words_that_only_one_prompt_has_give_nothing_away() -> None:
    """Two texts of each prompt share a word that no other has: known from its twin, a text would be told at once."""
    words = [f"w{number // 2}" for number in range(80)]
    found = tell_apart([f"the {word}" for word in words[:40]], [f"the {word}" for word in words[40:]], words)
    assert found.value is not None
    assert abs(found.value - 0.5) < 0.1


def test_words_that_give_the_label_away_are_found_by_a_classifier_and_none_are_where_there_are_none() -> None:
    names = [f"c{number // 2}" for number in range(80)]
    plain = [f"the {word} is {side}" for word in ("sky", "hand", "wall", "lamp") for side in "abcdefghijklmnopqrst"]
    leaky = tell_apart([f"{text} as it must be" for text in plain], plain, [*names, *names])
    even = tell_apart(plain, plain, [*names, *names])
    assert leaky.value == pytest.approx(1.0)
    assert even.value is not None
    assert even.value == pytest.approx(0.5)
    assert even.interval is not None
    assert "1,000 draws of 40 clusters" in even.interval.method
    assert tell_apart(plain[:5], plain[:5], names[:10]).value is None


# --- a whole distillation ---------------------------------------------------------------------------------------------


def spoiled(number: int, **change: Callable[[dict[str, Any]], str]) -> Change:
    """Changes what is written of the item of this number, with the label in view."""

    def script(told: dict[str, Any], question: Question) -> dict[str, Any]:
        text = said_to(question)
        mine = f"number {number}\n" in text and "<<<label" in text
        return told | {name: value(told) for name, value in change.items()} if mine else told

    return script


def test_a_table_of_planted_and_caught(tmp_path: Path) -> None:
    """Twelve pairs, nine of them spoiled in one way each; what stays is clean, and each count says who caught what."""
    rows = pairs(12)
    folder = tmp_path / "data"
    write_rows(folder, rows, pictures=24)
    rows[9] |= {"prompt": rows[0]["prompt"], "image_a": "1.png", "image_b": "0.png", "preferred": "b"}  # the first one
    Image.open(folder / "2.png").save(folder / "20.jpg", quality=98, subsampling=0)
    rows[10] |= {"prompt": rows[1]["prompt"].upper(), "image_a": "20.jpg", "image_b": "3.png"}  # nearly the second one
    write_rows(folder, rows)
    against = tmp_path / "bench"
    write_rows(against, [{"id": "x", "prompt": "A FOX, number eleven!", "image": "9.png", "score": 1}])
    rows[11] |= {"prompt": "a fox number eleven"}
    write_rows(folder, rows)
    (against / "9.png").write_bytes((folder / "16.png").read_bytes())  # an image of the ninth

    def same(told: dict[str, Any]) -> str:
        side = told["preference"].replace("image_", "Image ")
        return f"The very same words of two items, which nobody would need to read twice. All in all {side}."

    def says_otherwise(told: dict[str, Any]) -> str:
        return told["rationale"].partition(" All in all")[0] + " All in all tie."

    seen: list[Question] = []

    def told(told: dict[str, Any], question: Question) -> dict[str, Any]:
        for change in (
            spoiled(2, preference=lambda told: "tie", rationale=lambda told: "So so. All in all tie."),
            spoiled(3, rationale=lambda told: "The ground truth says so. " + told["rationale"]),
            spoiled(4, rationale=lambda told: "It is sharper by 61.5. " + told["rationale"]),
            spoiled(6, rationale=says_otherwise),
            spoiled(0, rationale=same),
            spoiled(7, rationale=same),
        ):
            told = change(told, question)
        if "number 5\n" in said_to(question):
            seen.append(question)
            if len(seen) == 2:  # the other order
                told |= {"preference": "tie", "rationale": "So so. All in all tie."}
        return told

    index = index_folders([f"jsonl={against / 'items.jsonl'}"])
    found, model = teach(folder / "items.jsonl", tmp_path / "set", script=writer(told), plan=FREE, against=index)
    passed = {row["filter"]: (row["came"], row["went"]) for row in found.card["filters"]}
    assert passed == {
        "usable": (12, 12),
        "contamination": (12, 10),
        "duplicate": (10, 9),
        "near-duplicate": (9, 8),
        "answer": (8, 8),
        "verdict": (8, 7),
        "leakage": (7, 6),
        "grounding": (6, 5),
        "swap": (5, 4),
        "rederivation": (4, 3),
        "drafted": (8, 3),
        "rationale": (3, 2),
    }
    assert found.card["lost"] == {"grounding": 1, "leakage": 1, "rederivation": 1, "swap": 1, "verdict": 1}
    kept = list(open_set(tmp_path / "set").examples())
    assert sorted(one.item for one in kept) == ["pairs/p0", "pairs/p1"]
    assert check(tmp_path / "set").differing == ()
    # Items that a filter of items threw out cost no call.
    assert not [q for q in model.asked if "eleven" in str(q.conversation)]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "classifier"])
def test_a_filter_that_is_switched_off_lets_all_through_and_the_card_says_so(tmp_path: Path, name: str) -> None:
    data = write_rows(tmp_path / "data", pairs(4), pictures=8)
    plan = FREE.model_copy(update={"without": (name, "classifier")})
    found, model = teach(data, tmp_path / "set", plan=plan)
    rows = {row["filter"]: row for row in found.card["filters"]}
    assert rows[name]["off"]
    assert [one for one, row in rows.items() if row["off"]] == [name]
    asked = Counter(question.schema_name for question in model.asked)
    assert asked["rederivation"] == {"rederivation": 0, "swap": 4}.get(name, 8)
    assert asked["comparison"] == 4 * (2 if name == "swap" else 3)


def test_an_unknown_filter_is_helped() -> None:
    with pytest.raises(Exception, match="no filter is called 'leekage'; did you mean 'leakage'"):
        check_names(("leekage",))


def test_an_answer_takes_the_form_of_its_schema_or_says_what_it_lacks() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"rationale": {"type": "string"}, "preference": {"type": "string", "enum": ["image_1", "tie"]}},
    }
    assert list(in_form('```{"preference": "Image 1", "rationale": "x"}```', schema).items()) == [
        ("rationale", "x"),
        ("preference", "image_1"),
    ]
    for text, why in (
        ('{"preference": "tie"}', "lacks, or has too much: rationale"),
        ('{"preference": "both", "rationale": ""}', "expected one of image_1, tie, got 'both'"),
        ('{"preference": "tie", "rationale": 3}', "expected string, got int"),
        ("[1]", "the answer: expected object, got list"),
        ("no", "Expecting value"),
    ):
        with pytest.raises(ValueError, match=why):
            in_form(text, schema)
