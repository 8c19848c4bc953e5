"""Cards: the rules of their files. What each installed card says is tested beside its specialist."""

import pytest
from fakes import card
from pydantic import ValidationError

from autorater.card import find_cards, read_card
from autorater.errors import UsageError

CARD = """---
name: fox_finder
title: Finds foxes
entry: foxes:Finder
needs: [prompt]
quantities:
  - {name: foxes, meaning: Foxes found., unit: count, low: 0, high: null, better: neither}
seconds: 0.1
extra: foxes
imports: [sys]
licence: MIT
commercial: true
source: made up
errors: Misses white foxes in snow.
---
How to read it.
"""


def test_a_card_is_read() -> None:
    found = read_card(CARD, name="fox.md")
    assert (found.name, found.body, found.missing()) == ("fox_finder", "How to read it.\n", ())
    assert found.quantity("foxes").unit == "count"
    with pytest.raises(KeyError):
        found.quantity("cats")
    assert read_card(CARD + "More.\n", name="fox.md").digest != found.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: fox_finder", "name: Fox", "fox.md: name: string should match pattern"),
        ("entry: foxes:Finder", "entry: foxes", "fox.md: entry: string should match pattern"),
        (
            "needs: [prompt]",
            "needs: [money]",
            "needs.0: input should be 'prompt', 'source' or 'rival', got 'money'",
        ),
        ("licence: MIT\n", "", "fox.md: licence: field required"),
        ("licence: MIT\n", "licence: MIT\nlicense: MIT\n", "fox.md: license: extra inputs are not permitted"),
        ("low: 0, high: null", "low: 2, high: 1", "foxes: low 2.0 is not below high 1.0"),
        ("imports: [sys]", "imports: [os.path]", "imports: 'os.path' is no top-level module; expected a name without"),
        ("seconds: 0.1", "seconds: .nan", "fox.md: seconds: input should be a finite number"),
        (
            "licence: MIT",
            "licence: MIT\nweights: [{file: a.pt, url: u, licence: MIT, when: {size: large}}]",
            "a.pt: no option can make it wanted: size is never 'large'",
        ),
    ],
)
def test_a_card_that_is_not_in_order_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_card(CARD.replace(old, new), name="fox.md")
    assert message in str(raised.value)


def test_a_specialist_gives_something_and_nothing_twice() -> None:
    quantity = read_card(CARD, name="fox.md").meta.quantities[0]
    with pytest.raises(ValidationError, match="two quantities share a name"):
        card("fox", quantities=(quantity, quantity))
    with pytest.raises(ValidationError, match="gives at least one quantity or text"):
        card("fox", quantities=())
    assert card("fox", quantities=(), gives_text=True).meta.quantities == ()


def test_cards_are_found_by_entry_point_and_sorted() -> None:
    found = find_cards()
    assert list(found) == sorted(found)
    assert {"sharpness", "niqe", "face_similarity"} <= found.keys()
    assert all(name == item.name for name, item in found.items())
