"""What may be changed of a recorded run, and how it is read from the command line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from autorater.canonical import Record
from autorater.document import describe_errors
from autorater.embedded import Coefficients
from autorater.errors import UsageError
from autorater.suggest import did_you_mean
from autorater.vlm_judge import Order, Protocols
from autorater_evals.statistics.agreement import RULES, TieRule

Reduce = Literal["mean_prob", "majority"]


class Changes(Record):
    """What is to be different; what is null or empty stays as it was recorded."""

    order: Order | None = None
    samples: int | None = None
    """Answers per order: the first ones of those that were recorded."""
    keep: tuple[str, ...] | None = None
    """Of the specialists that were shown, only these."""
    drop: tuple[str, ...] = ()
    criterion: str = ""
    """What decides instead of the recorded judge: a dimension of the embedded judge, or a reading."""
    weights: Coefficients | None = None
    """Of the embedded judge."""
    protocol: Protocols | None = None
    model: str = ""
    checklist_weights: dict[str, float] | None = None
    """Question → weight: the weighted share of "yes" decides; empty for equal weights."""
    tie_threshold: float | None = None
    """Margins up to it are ties, in the unit of what is read (a probability: its distance from 0.5)."""
    tie_rule: TieRule | None = None
    panel: tuple[str, ...] = ()
    """Folders of further runs on the same items."""
    reduce: Reduce = "mean_prob"

    def of_the_judge(self) -> "list[Changes]":
        """Each change that makes the judge itself another, alone; the rest only reads its answers otherwise."""
        names = ("order", "samples", "keep", "drop", "criterion", "weights", "protocol", "model")
        empty = Changes()
        return [
            Changes.model_validate({name: getattr(self, name)})
            for name in names
            if getattr(self, name) != getattr(empty, name)
        ]

    def words(self) -> list[str]:
        """Every change in words."""
        told = [
            ("order", self.order),
            ("samples", self.samples),
            ("keep", None if self.keep is None else ",".join(self.keep) or "none"),
            ("drop", ",".join(self.drop)),
            ("criterion", self.criterion),
            ("weights", "changed" if self.weights else None),
            ("protocol", self.protocol),
            ("model", self.model),
            ("checklist weights", None if self.checklist_weights is None else _shown(self.checklist_weights)),
            ("tie threshold", self.tie_threshold),
            ("tie rule", self.tie_rule),
            ("panel", f"{len(self.panel) + 1} runs by {self.reduce}" if self.panel else None),
        ]
        return [f"{name} {value}" for name, value in told if value is not None and value != ""]


def _shown(weights: Mapping[str, float]) -> str:
    return ",".join(f"{name}={value:g}" for name, value in weights.items()) or "equal"


def read_order(word: str | None) -> Order | None:
    """The order of a pair: "given" (or "first"), "random" or "both"."""
    known: dict[str, Order] = {"given": "given", "first": "given", "random": "random", "both": "both"}
    if word is None:
        return None
    if word not in known:
        raise UsageError(f"--order is one of {', '.join(known)}; got {word!r}")
    return known[word]


def read_tie_rule(word: str | None) -> TieRule | None:
    """A tie rule of `autorater_evals.statistics.agreement`."""
    if word is not None and word not in RULES:
        raise UsageError(f"--tie-rule is one of {', '.join(RULES)}; got {word!r}")
    return next((rule for rule in RULES if rule == word), None)


def read_names(text: str | None) -> tuple[str, ...] | None:
    """Specialists from "a,b"; "none" is none of them."""
    if text is None:
        return None
    return () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())


def read_numbers(words: Sequence[str], *, option: str) -> dict[str, float]:
    """NAME=NUMBER words. Raises UsageError when one is not of that form."""
    found: dict[str, float] = {}
    for word in (part for each in words for part in each.split(",") if part.strip()):
        name, _, value = word.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"{option}: expected NAME=NUMBER, as in appeal.niqe=0.2; got {word!r}") from None
    return found


def read_checklist_weights(text: str | None) -> dict[str, float] | None:
    """Weights from a JSON file of question → weight, from "q1=2,q2=0.5", or none of them from "equal"."""
    if text is None:
        return None
    if text == "equal":
        return {}
    if text.endswith(".json"):
        text = ",".join(f"{name}={value}" for name, value in _object(Path(text), "--checklist-weights").items())
    found = read_numbers([text], option="--checklist-weights")
    if any(value < 0 for value in found.values()) or not any(found.values()):
        raise UsageError("--checklist-weights are 0 or more, and one at least is above 0")
    return found


def read_weights(words: Sequence[str], coefficients: Coefficients) -> Coefficients | None:
    """`coefficients` with changes: a JSON file of all of them, or DIMENSION.NAME=NUMBER words after it.

    NAME is a reading's key, "offset" or "tau"; "overall_tau" has no dimension.

    Raises:
        UsageError: a file or a name is wrong.

    """
    if not words:
        return None
    for path in (word for word in words if "=" not in word):
        try:
            coefficients = Coefficients.model_validate(_object(Path(path), "--weights"))
        except ValidationError as error:
            raise UsageError(f"--weights {path}: {describe_errors(error)}; see autorater/embedded.json") from error
    data = coefficients.model_dump(mode="json")
    for name, value in read_numbers([word for word in words if "=" in word], option="--weights").items():
        dimension, _, key = name.partition(".")
        if name == "overall_tau":
            data[name] = value
            continue
        if dimension not in data["dimensions"]:
            raise UsageError(f"--weights: no dimension {dimension!r}; {did_you_mean(dimension, data['dimensions'])}")
        own = data["dimensions"][dimension]
        if key in ("offset", "tau"):
            own[key] = value
        elif key in data["readings"]:
            own["coefficients"][key] = value
        else:
            known = [*data["readings"], "offset", "tau"]
            raise UsageError(f"--weights: {dimension} has no {key!r}; {did_you_mean(key, known)}")
    return Coefficients.model_validate(data)


def _object(path: Path, option: str) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{option}: cannot read {str(path)!r} as JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{option}: {path.name} holds no object in braces")
    return found  # pyright: ignore[reportUnknownVariableType]
