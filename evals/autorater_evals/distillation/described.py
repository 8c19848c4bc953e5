"""The card in words: `card.md`."""

from collections.abc import Iterator, Mapping
from typing import Any

from autorater_evals.counting import many
from autorater_evals.distillation.plan import Plan

REASONS = 5
"""So many reasons why items are not usable stand in the card for people."""


def describe(card: Mapping[str, Any]) -> str:
    """Markdown of a card, for people."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: Mapping[str, Any]) -> Iterator[str]:
    source, teacher, examples = card["source"], card["teacher"], card["examples"]
    yield from (f"# Judgments distilled from {source['title']}", "")
    kind = ", **a scripted teacher: no model looked at these images**" if teacher["scripted"] else ""
    yield f"- Teacher: `{teacher['name']}`{kind}; {many(teacher['calls'], 'call')}, {_money(teacher['cost'])}."
    yield f"- Source: `{source['benchmark']}`, licence: {source['licence']}. Training: {source['training_note']}."
    if source["research"]:
        yield "- **For research only** (`--research`): so is every student of this set."
    yield (
        f"- Seen: students of this set have seen items of `{source['benchmark']}`. Evaluate them on the examples that "
        "the set holds out, or on another benchmark."
    )
    limit = f"; at most {source['limit']:,} items a part" if source["limit"] else ""
    yield f"- Data: sha256 `{source['data'][:16]}…`{limit}."
    yield f"- AutoRater {card['autorater']}, protocol `{card['protocol']}`."
    told = ", ".join(f"{number:,} {name}" for name, number in examples["by_variant"].items()) or "none"
    items, images = many(examples["items"], "item"), many(examples["images"], "image")
    yield f"- Examples: {examples['all']:,} ({told}) of {items}, {images}."
    yield f"- Items in both variants: {examples['items_in_both_variants']:,}."
    yield f"- Items to which no specialist had anything to say: {card['without_evidence']:,}."
    for name, one in card["specialists"].items():
        yield f"- Specialist `{name}`: licence {one['licence']}{'' if one['commercial'] else ', not commercial'}."
    yield from (
        "",
        "## What each filter let through",
        "",
        "| filter | of | in | out | keeps |",
        "|---|---|---:|---:|---|",
    )
    for row in card["filters"]:
        out = "off" if row["off"] else f"{row['went']:,}"
        yield f"| {row['filter']} | {row['level']} | {row['came']:,} | {out} | {row['meaning']} |"
    yield from ("", f"Cases without a draft that passed, by the filter of the last: {_pairs(card['lost'])}.")
    if card["unusable"]:
        yield from ("", f"Not usable: {_unusable(card['unusable'])}.")
    yield from ("", "## What a trainer must know", "", *_facts(card))
    yield from ("", "## Made with", "", *_made_with(card))


def _facts(card: Mapping[str, Any]) -> Iterator[str]:
    yield f"- Leakage: {_leakage(card['leakage'])}"
    splits = ", ".join(f"{name} {one['examples']:,} in {one['components']:,}" for name, one in card["splits"].items())
    yield f"- Splits, by connected components of prompt and image (examples in components): {splits}.{_empty(card)}"
    counts = "; ".join(f"{name} {_pairs(told)}" for name, told in card["labels"].items() if told)
    yield f"- Labels: {counts or 'none'}.{_one_label(card['labels'])}"
    for variant, one in card["positions"].items():
        if one["pairs"]:
            odd = "" if one["balanced"] else " (**not balanced**)"
            turned = f"{one['better_first']} of {many(one['pairs'], 'pair')}"
            yield f"- {variant}: the better image stands first in {turned}{odd}."
    yield f"- Right without the label: {_difficulty(card)}."
    yield f"- Rejected answers that are kept for preferences: {_pairs(card['examples']['rejected_answers'])}."
    yield f"- Decontaminated against:{'' if card['against'] else ' nothing (--against).'}"
    yield from (f"  - {one}" for one in _against(card["against"]))
    yield f"- Not checked against: {', '.join(card['not_checked_against']) or 'none'}."


def _against(against: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What was indexed of each benchmark, and how much of it was not there."""
    for name, one in against.items():
        missing = f" ({one['images_missing']:,} more are not there)" if one["images_missing"] else ""
        part = "" if one["complete"] else "; not all of the benchmark"
        yield f"{name}: {many(one['prompts'], 'prompt')}, {many(one['images'], 'image')} by sha256{missing}{part}"


def _unusable(told: Mapping[str, int]) -> str:
    """The most frequent reasons: of files that are missing, each has one of its own."""
    ranked = sorted(told.items(), key=lambda one: (-one[1], one[0]))
    rest = sum(number for _, number in ranked[REASONS:])
    more = f", and {rest:,} for other reasons (`card.json` has all)" if rest else ""
    return f"{_pairs(dict(ranked[:REASONS]))}{more}"


def _one_label(labels: Mapping[str, Mapping[str, int]]) -> str:
    """What to say when a student could answer without looking; a side of a pair is not one, since pairs are turned."""
    told = [name for counts in labels.values() for name in counts]
    if len(told) == 1 and told[0] not in ("a", "b"):
        return f" **All of them are {told[0]!r}: a student learns to say so without looking.**"
    return ""


def _made_with(card: Mapping[str, Any]) -> Iterator[str]:
    plan = Plan.model_validate(card["plan"])
    yield f"- Tries {plan.tries}, answers without the label {plan.free}, seed {plan.seed}, step {plan.step:g}."
    yield f"- Switched off: {', '.join(plan.without) or 'no filter'}."
    yield from (f"- Prompt `{name}`: `{digest[:16]}…`" for name, digest in sorted(card["prompts"].items()))


def _difficulty(card: Mapping[str, Any]) -> str:
    """How often the teacher was right when it was not told: of every example a chance from 0 to 1."""
    hard = card["difficulty"]
    if not hard["asked"]:
        return "not asked (`--free 0`)" if not card["plan"]["free"] else "no example has such an answer"
    tenths = ", ".join(f"{_tenth(int(name[-1]))}: {number:,}" for name, number in hard["tenths"].items())
    return f"chance {hard['mean']} on average of {many(hard['asked'], 'example')} ({tenths})"


def _tenth(tenth: int) -> str:
    return "below 0.1" if tenth == 0 else "0.9 to 1" if tenth == 9 else f"0.{tenth} to below 0.{tenth + 1}"


def _empty(card: Mapping[str, Any]) -> str:
    """What is wanted and has nothing in it, and why."""
    wanted = [name for name, share in zip(("validation", "test"), card["plan"]["holdout"], strict=True) if share]
    empty = [name for name in wanted if not card["splits"][name]["examples"]]
    if not empty or not card["examples"]["all"]:
        return ""
    given = [name for name in empty if card["splits"][name]["drawn"]]
    never = [name for name in empty if name not in given]
    reasons = [f"of what {' and '.join(given)} got no draft passed every filter"] if given else []
    if never:
        reasons.append(_never(card, "" if never == empty else f"{never[0]} got nothing, since "))
    return f" **Nothing is in {' and '.join(empty)}: {'; '.join(reasons)}.**"


def _never(card: Mapping[str, Any], start: str) -> str:
    components = sum(one["drawn"] for one in card["splits"].values())
    if components == 1:
        return f"{start}the items hang together by prompts and images, in one component"
    shares, enough = (
        ",".join(f"{one:g}" for one in told or ()) for told in (card["plan"]["holdout"], card["enough_holdout"])
    )
    more = f"; say `--holdout {enough}`" if enough else ""
    return f"{start}the shares {shares} are too small for {components:,} components{more}"


def _leakage(told: Mapping[str, Any]) -> str:
    figure = told["auc"]
    if figure is None:
        return "the classifier was switched off."
    if figure["value"] is None:
        return f"not measured: {figure['note']}."
    interval = figure["interval"]
    width = f" [{interval['low']:.3f}, {interval['high']:.3f}]" if interval else ""
    failed = "allowed by --allow-leakage" if told["allowed"] else "so no set is written"
    verdict = "" if told["passed"] else f", **above the limit, and {failed}**"
    which = f"{figure['n']:,} of {figure['total']:,} rationales ({figure['note']})"
    return f"AUC {figure['value']:.3f}{width} of {which}, at most {told['most']}{verdict}."


def _pairs(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {number:,}" for name, number in told.items()) or "none"


def _money(cost: float | None) -> str:
    return "cost unknown" if cost is None else f"${cost:.4f}"
