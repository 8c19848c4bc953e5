"""What a grid will ask and what that costs at most, told before anything is paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from autorater.autorater import AutoRater
from autorater.canonical import Record as Value
from autorater.canonical import canonical_json
from autorater.capability import image_tokens
from autorater.evidence import show_evidence
from autorater.messages import Text
from autorater.model import Model, Question, Usage
from autorater.request import Request
from autorater.runlog import RunLog, now
from autorater.sync import run_sync
from autorater.vlm_judge import VlmJudge
from autorater_evals.grid.judging import Record, recorded_assessments
from autorater_evals.grid.subsets import Names, folder_name

SAMPLED = 20
"""Requests whose size is taken for that of all."""
BYTES_PER_TOKEN = 3.0
"""Of English text a token has about four bytes; fewer are assumed, so that the limit holds."""


BYTES_PER_CALL = 8_000
"""What one call takes in a log, about."""


class Plan(Value):
    """What is to be done. Calls that are recorded already are not among `calls`."""

    subsets: int
    items: int
    calls: int
    """Of the VLM, if no answer needs a repair turn; 0 for the embedded judge."""
    recorded: int
    """Judgments that are there already."""
    cost: float | None
    """US dollars at most; null when the price, or what an image costs, is not known."""
    basis: str
    """What the cost stands on, in one sentence."""
    bytes: int
    """What the logs will take on disk, about."""


@dataclass(frozen=True)
class _Size:
    """Input tokens of one call: `bare` of a request without specialists, `each` of a specialist's lines besides."""

    bare: float
    each: dict[str, float]


def plan_grid(base: AutoRater, subsets: Sequence[Names], folder: Path, *, record: Record) -> Plan:
    """The calls that are left to make in `folder`, and their cost at most.

    Answers are taken to be as long as the settings allow and to be repaired once; text to have three bytes a token.
    """
    items = record.log.count("requested")
    left = {names: items - _judged(folder / folder_name(names)) for names in subsets}
    recorded = len(subsets) * items - sum(left.values())
    judge = base.loop.judge
    disk = _disk(left, record)
    if not isinstance(judge, VlmJudge):
        basis = "the embedded judge makes no calls"
        return Plan(subsets=len(subsets), items=items, calls=0, recorded=recorded, cost=0.0, basis=basis, bytes=disk)
    requests = list(islice(record.requests(), SAMPLED))
    orders = sum(len(judge.orders(request)) for request in requests) / max(len(requests), 1)
    each = round(orders * judge.samples)
    models: list[Model] = [judge.model, *([judge.scorer] if judge.scorer else [])]
    calls = sum(left.values()) * each * len(models)
    pool = tuple(sorted({name for names in subsets for name in names}))
    sizes = [run_sync(_size(judge, model, pool, record, requests)) for model in models]
    cost, unknown = 0.0, list[str]()
    for model, size in zip(models, sizes, strict=True):
        paid = None if size is None else _paid(base, model, size, left, each, repaired=model is judge.model)
        if paid is None:
            unknown.append(model.name)
        cost += paid or 0.0
    longest = judge.sampling.max_output_tokens
    basis = (
        f"if every answer had {longest:,} tokens and were repaired once; sizes of {len(requests)} requests"
        if not unknown
        else f"the price of {', '.join(unknown)}, or of an image there, is not known (--price)"
    )
    told = None if unknown else round(cost, 4)
    disk += calls * BYTES_PER_CALL
    return Plan(subsets=len(subsets), items=items, calls=calls, recorded=recorded, cost=told, basis=basis, bytes=disk)


def _disk(left: dict[Names, int], record: Record) -> int:
    """Bytes of logs without the model's calls: as much a specialist and item as the record itself takes."""
    items, pool = max(record.log.count("requested"), 1), len(record.run.cards)
    each = record.log.path.stat().st_size / items / (pool + 1)
    return round(sum(items * (len(names) + 1) * each for names, items in left.items()))


def _paid(
    base: AutoRater, model: Model, size: _Size, left: dict[Names, int], each: int, *, repaired: bool
) -> float | None:
    longest = base.settings.drawn(model.capability).max_output_tokens
    total = 0.0
    for names, items in left.items():
        read = size.bare + sum(size.each[name] for name in names)
        usage = [Usage(input=round(read), output=longest)]
        if repaired:  # the repair turn reads the whole again, and the answer that did not fit
            usage.append(Usage(input=round(read) + longest, output=longest))
        costs = [base.loop.ledger.price(model.name, one, now(), False) for one in usage]
        if any(cost is None for cost in costs):
            return None
        total += items * each * sum(cost or 0.0 for cost in costs)
    return total


async def _size(
    judge: VlmJudge, model: Model, pool: Names, record: Record, requests: Sequence[Request]
) -> _Size | None:
    """The mean input tokens of a call; None where nobody knows what an image costs."""
    bare: list[float] = []
    each: dict[str, list[float]] = {name: [] for name in pool}
    for request in requests:
        alone = await _tokens_of(judge, model, (), record, request)
        if alone is None:
            return None
        bare.append(alone)
        for name in pool:
            more = await _tokens_of(judge, model, (name,), record, request)
            each[name].append((more or alone) - alone)
    if not bare:
        return None
    return _Size(sum(bare) / len(bare), {name: sum(found) / len(found) for name, found in each.items()})


async def _tokens_of(judge: VlmJudge, model: Model, names: Names, record: Record, request: Request) -> float | None:
    said = await recorded_assessments(request, names, record)
    order = judge.orders(request)[0]
    return _tokens(model, judge.question(request, show_evidence(said, record.run.cards, order), order))


def _tokens(model: Model, question: Question) -> float | None:
    texts = [part.text for turn in question.conversation.turns for part in turn.parts if isinstance(part, Text)]
    size = len("".join([question.conversation.system, *texts]).encode()) + len(canonical_json(question.schema))
    total = size / BYTES_PER_TOKEN
    for picture in question.conversation.pictures():
        tokens = image_tokens(model.name, picture.width, picture.height)
        if tokens is None:
            return None
        total += tokens
    return total


def _judged(path: Path) -> int:
    if not (path / "events.jsonl").is_file():
        return 0
    with RunLog(path) as log:
        return log.count("judged")


def spent(folder: Path, subsets: Sequence[Names]) -> float:
    """US dollars of all recorded calls of these subsets, with a known price."""
    total = 0.0
    for names in subsets:
        path = folder / folder_name(names)
        if (path / "events.jsonl").is_file():
            with RunLog(path) as log:
                total += log.spent
    return total
