"""`report.html`: whole, self-contained, escaped, the same bytes each time, and written whole or not at all."""

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_page import Page
from PIL import Image

from autorater.assessment import Assessment, Declined, Failed, Measured, Outcome, Provenance, Quantity, Reading, Region
from autorater.card import Card, CardMeta, Weights
from autorater.checklist import default_checklist
from autorater.errors import RecordError
from autorater.image import Picture, open_picture
from autorater.judgment import Chosen, Duel, JudgedBy, Judgment, OutcomeKind, Pass
from autorater.model import Usage
from autorater.report import MAX_SIDE, render_report, write_report
from autorater.verdict import Citation, Verdict, Weakness

HOSTILE = '</style></svg><script>alert(1)</script><img src=x onerror=alert(2)>"\' onload="x {{ 7*7 }} {% raw %} &amp;'
SHA = "0123456789abcdef" * 4


def picture(seed: int, *, side: int = 40, noise: bool = True) -> Picture:
    """A picture of its own for every seed; without noise it has two colours."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (side, side * 3 // 2, 3), dtype=np.uint8)
    if not noise:
        pixels[:] = (seed % 256, 120, 40)
        pixels[: side // 2] = 255
    return open_picture(pixels)


A, B, C, D, SOURCE = (picture(seed) for seed in range(5))
PICTURES = {item.sha256: item for item in (A, B, C, D, SOURCE)}


def card(name: str = "sharp", **changes: Any) -> Card:
    quantity = {"name": "level", "meaning": "how sharp it is", "unit": "dB", "low": 0, "high": 10, "better": "higher"}
    weights = Weights(file="data/w.onnx", package="some-weights", sha256=SHA, licence="CC0-1.0", bytes=2**20)
    fields: dict[str, Any] = {
        "name": name,
        "title": f"Title of {name}",
        "entry": "some.module:Thing",
        "quantities": [quantity],
        "seconds": 0.1,
        "extra": "tools",
        "weights": [weights],
        "licence": "Apache-2.0",
        "commercial": True,
        "source": "Somebody (2020)",
        "errors": "wrong on 1 of 10",
    }
    return Card(meta=CardMeta.model_validate(fields | changes), body="", digest=SHA)


CARDS = {"sharp": card()}


def assessment(candidate: str, outcome: Outcome, *, specialist: str = "sharp") -> Assessment:
    where = Provenance(card=SHA, settings=SHA, device="cpu", seconds=0.1)
    return Assessment(specialist=specialist, candidate=candidate, outcome=outcome, provenance=where)


def measured(value: float, *, sigma: float | None = None, **more: Any) -> Measured:
    return Measured(readings=(Reading(quantity="level", value=value, sigma=sigma),), **more)


def judgment(**changes: Any) -> Judgment:
    """A comparison of two images; keywords replace its fields."""
    fields: dict[str, Any] = {
        "id": "one",
        "task": "compare",
        "prompt": "a cat",
        "candidates": (A.sha256, B.sha256),
        "outcome": "scored",
        "reason": "image a is preferred in both orders",
        "preferred": "a",
        "probability": 0.83,
        "method": "logprobs",
        "consistent": True,
        "rationale": "It has more cat.",
        "selection": Chosen(how="fixed", names=("sharp",)),
        "cost": 0.0123,
        "judged_by": JudgedBy(model="scripted:one", protocol="autorater", autorater="0.1.0", cards={"sharp": SHA}),
    }
    return Judgment(**(fields | changes))


def render(*judgments: Judgment, cards: Mapping[str, Card] = CARDS, **more: Any) -> str:
    return render_report(judgments, PICTURES, cards, title="A title", **more)


def full() -> Judgment:
    """A judgment with something in every place."""
    checklist = default_checklist(edit=True)
    answers = {item.id: "yes" for item in checklist.items}
    verdict = Verdict(rationale="Shown so, a is better.", preference="a")
    return judgment(
        id="full",
        sources=(SOURCE.sha256,),
        observations={"a": "seen in a", "b": "seen in b"},
        weaknesses={"a": (), "b": (Weakness(where="at the left", what="a melted ear"),)},
        checklist={"a": answers, "b": answers | {"blended": "no", "edit_exact": "cannot_tell"}},
        attributes={"style": "a_much_better", "anatomy": "not_relevant", "overall": "same"},
        citations=(Citation(assessment="sharp.level@a", quote="7.5"),),
        assessments=(
            assessment("a", measured(7.5, regions=(Region(label="an ear", box=(0.7, 0.1, 1, 0.5), score=0.9),))),
            assessment("b", measured(2.5, text="quite soft")),
        ),
        passes=(
            Pass(order="ab", outcome="scored", verdict=verdict, probability=0.9, method="logprobs", calls=("1",)),
            Pass(order="ba", outcome="scored", verdict=verdict, probability=0.76, method="logprobs", calls=("2", "3")),
        ),
        usage=Usage(input=1200, output=34),
    )


def kinds() -> Iterator[tuple[Judgment, str]]:
    """One judgment of every kind, and words that must stand in its report."""
    one = {"candidates": (A.sha256,), "preferred": None, "probability": None, "consistent": None}
    yield judgment(), "Image a is preferred"
    yield judgment(preferred="b", probability=0.2, reason="image b is preferred"), "a 20 % 80 % b"
    yield judgment(outcome="tie", preferred="tie", consistent=False, reason="the two orders disagree"), "A tie"
    yield judgment(**one, task="rate", score=7.5, reason="scored 7.5 of 10"), "7.5 of 10"
    yield (
        judgment(**one, task="check", checklist={"a": {"x_y": "yes", "z": "no"}}, method=None),
        "1 of 2 questions answered yes",
    )
    failures: dict[OutcomeKind, str] = {
        "refused": "the model refused to judge",
        "abstained": "the judge abstained",
        "unparsable": "could not be read",
        "unreachable": "could not be reached",
    }
    for outcome, words in failures.items():
        yield judgment(outcome=outcome, preferred=None, probability=None, reason="because so"), words
    four = {"candidates": tuple(item.sha256 for item in (A, B, C, D)), "preferred": None, "probability": None}
    duel = Duel(first="b", second="c", outcome="scored", preferred="c", probability=0.1, reason="r", consistent=True)
    yield (
        judgment(**four, task="rank", ranking=(("c",), ("a", "b"), ("d",)), duels=(duel,), method=None),
        "Image c is best",
    )


@pytest.mark.parametrize(("item", "words"), list(kinds()))
def test_every_kind_of_outcome_is_told_in_words(item: Judgment, words: str) -> None:
    shown = Page(render(item)).text.replace("\u00a0", " ")
    assert words in shown
    assert item.outcome in shown
    if item.outcome not in ("scored", "tie"):
        assert "enters no mean" in shown
        assert "because so" in shown


def test_a_full_judgment_says_all_it_holds() -> None:
    shown = Page(render(full(), judgment())).text.replace("\u00a0", " ")
    for words in (
        "Instruction a cat",
        "Both orders agree",
        "Is every part of the instruction carried out?",
        "11 of 12",
        "? cannot tell",
        "a melted ear",
        "a much better",
        "not relevant",
        "Title of sharp",
        "0 to 10 dB, higher is better",
        "▲ better",
        "quite soft",
        "an ear, 90 % sure: from 70 % to 100 % of the width",
        "1,200 read",
        "$0.0123",
        "CC0-1.0",
        "scripted:one",
        "Shown as b then a prefers a",
        "a 90 % by the model's own token probabilities",
    ):
        assert words in shown, words


def test_the_page_is_self_contained() -> None:
    text = render(full(), *(item for item, _ in kinds()))
    page = Page(text)
    links = page.values("href") + page.values("src") + page.values("xlink:href")
    assert links
    assert all(link.startswith(("#", "data:image/")) for link in links)
    targets = set(page.values("id"))
    assert all(link[1:] in targets for link in links if link.startswith("#"))
    assert len(targets) == len(page.values("id"))
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_a_picture_is_embedded_once_and_has_a_text() -> None:
    page = Page(render(*(judgment(id=str(number)) for number in range(5))))
    embedded = [value for value in page.values("href") if value.startswith("data:")]
    assert len(embedded) == len(set(embedded)) == 2
    assert sum("Image a of judgment" in value for value in page.values("aria-label")) == 5


def hostile(text: str) -> Judgment:
    verdict = Verdict(rationale=text, preference="a")
    return judgment(
        id=text,
        prompt=text + "x" * 700,
        reason=text,
        rationale=text,
        observations={"a": text},
        weaknesses={"a": (Weakness(where=text, what=text),)},
        checklist={"a": {text: "yes"}},
        attributes={text: text},
        citations=(Citation(assessment=text, quote=text, flag=text), Citation(assessment="sharp@a", quote=text)),
        assessments=(
            assessment("a", measured(1, text=text, regions=(Region(label=text, box=(0, 0, 1, 1)),))),
            assessment("b", Declined(reason=text)),
            assessment("a", Failed(error=text), specialist=text),
        ),
        selection=Chosen(how="auto", names=(text,), reason=text, warnings=(text,)),
        passes=(Pass(order="ab", outcome="refused", detail=text, verdict=verdict, served_by=text, warnings=(text,)),),
        warnings=(text, text + "!"),
        judged_by=JudgedBy(model=text, protocol=text, autorater=text, prompts={text: text}, cards={"sharp": text}),
    )


def test_text_from_outside_stays_text() -> None:
    cards = {"sharp": card(title=HOSTILE, source=HOSTILE, errors=HOSTILE)}
    wild = Page(render_report([hostile(HOSTILE)] * 2, PICTURES, cards, title=HOSTILE, checklists={HOSTILE: HOSTILE}))
    tame = Page(render_report([hostile("words")] * 2, PICTURES, CARDS, title="words", checklists={"words": "words"}))
    assert wild.tags == tame.tags
    assert [name for name, _ in wild.attributes] == [name for name, _ in tame.attributes]
    assert "<script>alert(1)</script>" in wild.text
    assert "{{ 7*7 }}" in wild.text


@pytest.mark.parametrize("text", ["\x00\x07\x1b[31m", "\ud800 alone", "\u202eevil", "صورة قطة 🐈", "W" * 5000])
def test_odd_characters_are_written_and_isolated(text: str, tmp_path: Path) -> None:
    item = judgment().model_copy(update={"prompt": text, "rationale": text})
    page = write_report(tmp_path / "r.html", [item], PICTURES, CARDS, title=text).read_text(encoding="utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", page)
    assert '<p class="prose" dir="auto">' in page


def test_costs_that_are_unknown_are_never_zero() -> None:
    shown = Page(render(judgment(cost=None), judgment(cost=0.5), judgment(cost=0.00001))).text
    assert "at least $0.5000 unknown for 1 of 3" in shown
    assert "Cost unknown Tokens" in shown
    assert "under $0.0001" in shown
    assert "$0 " not in shown


def test_a_judgment_without_a_vlm_says_so() -> None:
    by = JudgedBy(model="embedded", protocol="autorater", autorater="0.1.0")
    item = judgment(judged_by=by, method="fitted", dimensions={"a": {"appeal": 3.5}, "b": {"appeal": 2.25}})
    shown = Page(render(item)).text
    assert "No VLM looked at these images." in shown
    assert "a 3.50 b 2.25" in shown
    assert "Attributes" not in shown
    assert "No VLM" not in Page(render(judgment())).text


@pytest.mark.parametrize(
    ("first", "second", "better", "mark"),
    [
        (measured(7), measured(5), "higher", "7 ▲ better"),
        (measured(7), measured(5), "lower", "5 ▲ better"),
        (measured(7), measured(5), "neither", ""),
        (measured(7, sigma=2), measured(5, sigma=1), "higher", ""),
        (measured(7, sigma=0.5), measured(5, sigma=0.5), "higher", "7 ± 0.5 ▲ better"),
        (measured(5), measured(5), "higher", ""),
        (measured(5), Declined(reason="too small"), "higher", ""),
    ],
)
def test_better_is_marked_only_where_a_number_says_so(first: Outcome, second: Outcome, better: str, mark: str) -> None:
    quantity = Quantity.model_validate(
        {"name": "level", "meaning": "m", "unit": "1", "low": 0, "high": None, "better": better}
    )
    item = judgment(assessments=(assessment("a", first), assessment("b", second)))
    shown = Page(render(item, cards={"sharp": card(quantities=[quantity])})).text
    assert (mark in shown) if mark else ("▲" not in shown)


def test_what_was_not_measured_or_wrongly_quoted_is_said() -> None:
    item = judgment(
        assessments=(
            assessment("a", measured(12)),
            assessment("b", Failed(error="cannot read /home/jane/models/net.onnx")),
            assessment("a", Declined(reason="no face found"), specialist="faces"),
        ),
        citations=(
            Citation(assessment="sharp.level@a", quote="21", flag="quotes 21; the reading is 12"),
            Citation(assessment="E9", quote="3", flag="no such assessment was shown"),
        ),
    )
    text = render(item)
    shown = Page(text).text
    assert "⚠ outside its range" in shown
    assert "✕ failed: cannot read …/net.onnx" in shown
    assert "/home" not in text
    assert "declined: no face found" in shown
    assert "⚠ wrongly cited as 21: quotes 21; the reading is 12" in shown
    assert "match no assessment above: E9 ⚠ wrongly cited as 3" in shown
    assert "of another version" not in shown


def test_questions_have_the_texts_given_or_their_names() -> None:
    item = judgment(checklist={"a": {"has_cat": "yes", "has_dog": "no"}, "b": {"has_cat": "no", "has_dog": "no"}})
    shown = Page(render(item, checklists={"has_cat": "edit", "generation.has_cat": "Is there a cat?"})).text
    assert "Is there a cat?" in shown
    assert "has dog" in shown
    assert "0 of 2" in shown


def test_a_missing_or_broken_picture_is_said() -> None:
    torn = Picture("f" * 64, "image/png", 4, 4, True, "torn", (), 4, lambda: b"torn", lambda: Image.open(io.BytesIO()))
    pictures = {A.sha256: A, torn.sha256: torn}
    item = judgment(candidates=(A.sha256, torn.sha256), sources=(SHA,))
    shown = Page(render_report([item], pictures, CARDS, title="t")).text
    assert shown.count("not part of the report") == 2


def embedded(text: str) -> list[Image.Image]:
    found = re.findall(r'href="data:image/(?:jpeg|png);base64,([^"]+)"', text)
    return [Image.open(io.BytesIO(base64.b64decode(item))) for item in found]


def pairs(pictures: Sequence[Picture]) -> list[Judgment]:
    names = [item.sha256 for item in pictures]
    return [judgment(candidates=two) for two in zip(names[::2], names[1::2], strict=True)]


def test_pictures_are_made_small() -> None:
    large = [picture(1, side=1400), picture(2, side=1400, noise=False)]
    text = render_report(pairs(large), {item.sha256: item for item in large}, CARDS, title="t")
    noise, flat = embedded(text)
    assert max(noise.size) == max(flat.size) == MAX_SIDE
    assert (noise.format, flat.format) == ("JPEG", "PNG")
    assert len(text) < 1_500_000
    many = [picture(seed, side=700 if seed == 0 else 4) for seed in range(102)]
    text = render_report(pairs(many), {item.sha256: item for item in many}, CARDS, title="t")
    assert max(embedded(text)[0].size) == 512


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    items = [full(), *(item for item, _ in kinds())]
    first = write_report(tmp_path / "1.html", items, PICTURES, CARDS, title="t").read_bytes()
    again = {item.sha256: open_picture(item.data) for item in reversed(PICTURES.values())}
    assert write_report(tmp_path / "2.html", items, again, CARDS, title="t").read_bytes() == first


def test_no_judgments_make_a_page() -> None:
    assert "No judgments." in Page(render()).text


def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot write the report 'r\.html'.*choose a folder that exists"):
        write_report(tmp_path / "none" / "r.html", [judgment()], PICTURES, CARDS, title="t")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(RecordError):
        write_report(tmp_path / "file" / "r.html", [judgment()], PICTURES, CARDS, title="t")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecordError):
        write_report(tmp_path / "folder", [judgment()], PICTURES, CARDS, title="t")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


def test_a_write_that_fails_leaves_the_old_report(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on the size of files are of POSIX systems")
    path = write_report(tmp_path / "r.html", [judgment()], PICTURES, CARDS, title="old")
    old = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(RecordError, match="cannot write the report"):
            write_report(path, [judgment()], PICTURES, CARDS, title="new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == old
    assert [item.name for item in tmp_path.iterdir()] == ["r.html"]
