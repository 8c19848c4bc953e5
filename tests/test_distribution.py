"""The model's own distribution over its decision, against one worked out from the whole tree of continuations."""

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autorater.distribution import expected, first_preferred, label_distribution
from autorater.model import Token

SCORES = [str(score) for score in range(1, 11)]
CHOICES = ("image_1", "image_2", "tie")


def token(text: str, **top: float) -> Token:
    return place(text, top or {text: 1.0})


def place(text: str, top: Mapping[str, float]) -> Token:
    chances = {name: math.log(chance) for name, chance in top.items()}
    return Token(text=text, logprob=chances[text], top=chances)


def written(*tokens: Token, head: str = '{"rationale":"x","score":', tail: str = "}") -> list[Token]:
    return [*(token(letter) for letter in head), *tokens, *([token(tail)] if tail else [])]


def test_one_token_a_label() -> None:
    tokens = written(place("7", {"7": 0.5, "8": 0.3, "6": 0.1, "x": 0.1}))
    found = label_distribution(tokens, "score", SCORES)
    assert found is not None
    assert sum(found.values()) == pytest.approx(1)
    assert {label: found[label] for label in ("6", "7", "8")} == pytest.approx({"6": 1 / 9, "7": 5 / 9, "8": 3 / 9})
    assert expected(found) == pytest.approx((6 + 35 + 24) / 9)


def test_ten_is_one_and_nought() -> None:
    tokens = written(place("1", {"1": 0.5, "9": 0.3, "8": 0.2}), place("0", {"0": 0.9, "}": 0.1}))
    found = label_distribution(tokens, "score", SCORES)
    assert found is not None
    assert found["10"] == pytest.approx(0.5 * 0.9)
    assert found["1"] == pytest.approx(0.5 * 0.1)
    assert found["9"] == pytest.approx(0.3)


def test_ten_as_one_token_beside_an_ambiguous_one() -> None:
    clear = written(place("10", {"10": 0.9, "9": 0.08, "1": 0.02}))
    found = label_distribution(clear, "score", SCORES)
    assert found is not None
    assert found["10"] == pytest.approx(0.9 / 0.98)
    vague = written(place("10", {"10": 0.7, "9": 0.2, "1": 0.1}))
    assert label_distribution(vague, "score", SCORES) is None  # "1" may be 1 or 10, and too much hangs on it


@pytest.mark.parametrize("lead", ["", " ", ' "', '"'])
def test_choices_of_several_tokens(lead: str) -> None:
    head = '{"rationale":"x","preference":'
    quoted = lead if '"' in lead else lead + '"'
    first = f"{quoted}image"
    tokens = written(
        place(first, {first: 0.8, f"{quoted}tie": 0.2}),
        place("_", {"_": 1.0}),
        place("1", {"1": 0.75, "2": 0.25}),
        token('"'),
        head=head,
    )
    found = label_distribution(tokens, "preference", CHOICES)
    assert found == pytest.approx({"image_1": 0.6, "image_2": 0.2, "tie": 0.2})
    assert found is not None
    assert first_preferred(found) == pytest.approx(0.7)


def test_only_the_last_field_of_that_name_counts() -> None:
    head = '{"rationale":"the \\"score\\": 3 is \\"score\\"","score":'
    found = label_distribution(written(place("9", {"9": 1.0}), head=head), "score", SCORES)
    assert found is not None
    assert found["9"] == pytest.approx(1)


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        [token("{}")],
        written(tail=""),
        written(place("seven", {"seven": 1.0})),
        written(place("7", {"7": 0.3, "x": 0.7})),
        written(place("11", {"11": 1.0})),
    ],
    ids=["nothing", "no field", "no value", "no label", "little covered", "out of range"],
)
def test_tokens_that_do_not_tell_give_nothing(tokens: Sequence[Token]) -> None:
    assert label_distribution(tokens, "score", SCORES) is None


Tree = Mapping[str, float]


@given(st.lists(st.floats(0.01, 1), min_size=11, max_size=11), st.sampled_from(SCORES))
def test_digits_against_the_tree_of_all_continuations(weights: list[float], sampled: str) -> None:
    total = sum(weights[:9])
    digits: Tree = {str(digit): weights[digit - 1] / total for digit in range(1, 10)}
    ends = weights[9] + weights[10]
    after: Tree = {"}": weights[9] / ends, "0": weights[10] / ends}
    tokens = [place(sampled[0], digits)]
    if sampled[0] == "1":
        tokens.append(place("0" if sampled == "10" else "}", after))
    tree = {label: digits[label] for label in SCORES[1:9]}
    tree |= {"1": digits["1"] * after["}"], "10": digits["1"] * after["0"]}
    found = label_distribution(written(*tokens, tail="" if tokens[-1].text == "}" else "}"), "score", SCORES)
    if sampled[0] == "1" or digits["1"] <= 0.05:
        wanted = tree
        if sampled[0] != "1":  # what the ambiguous digit would become was never seen
            rest = {label: chance for label, chance in tree.items() if label not in ("1", "10")}
            wanted = {**{label: chance / sum(rest.values()) for label, chance in rest.items()}, "1": 0, "10": 0}
        assert found == pytest.approx(wanted)
    else:
        assert found is None


@given(st.text(max_size=30), st.lists(st.tuples(st.text(max_size=5), st.floats(-20, 0)), max_size=20))
def test_any_tokens_give_a_distribution_or_nothing(field: str, pairs: list[tuple[str, float]]) -> None:
    tokens = [Token(text=text, logprob=chance, top={text: chance, "7": -1.0}) for text, chance in pairs]
    found = label_distribution(tokens, field, SCORES)
    assert found is None or sum(found.values()) == pytest.approx(1)
