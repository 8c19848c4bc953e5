"""The loop: request → selection → specialists → judge → judgment → run log. And only the loop."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

from autorater.agent import Agent
from autorater.assessing import assess
from autorater.assessment import Assessment
from autorater.canonical import digest_of
from autorater.card import Card
from autorater.errors import RecordError, UsageError
from autorater.events import Judged, Requested, Started, Stopped
from autorater.evidence import Drawing
from autorater.judgment import (
    Chosen,
    Combined,
    Duel,
    JudgedBy,
    Judgment,
    Pass,
    combine,
    in_duel,
    rank_by_wins,
    spokesman,
    total_cost,
)
from autorater.ledger import Ledger
from autorater.model import Model, Sampling
from autorater.prompting import find_prompts
from autorater.quantity_judge import QuantityJudge, read_quantity
from autorater.request import LETTERS, Request
from autorater.runlog import RunLog, now, record_of
from autorater.selection import Selection, select
from autorater.settings import Settings, describe_difference, describe_settings
from autorater.specialist_judge import SpecialistJudge
from autorater.toolbox import Toolbox
from autorater.verdict import Verdict
from autorater.vlm_judge import Judge, VlmJudge, prompt_name
from autorater.work import Flights, together


@dataclass(frozen=True)
class Loop:
    """Everything that one judgment needs. `settings` is what the log says of it; `cards` are those on offer."""

    judge: Judge
    agent: Agent | None
    model: Model | None
    ledger: Ledger
    selection: Selection
    sampling: Sampling
    cards: Mapping[str, Card]
    toolbox: Toolbox | None
    tool_settings: str
    settings: Mapping[str, Any]
    version: str
    _flights: Flights = field(default_factory=Flights, init=False, repr=False)

    @cached_property
    def digest(self) -> str:
        """The sha256 of the settings."""
        return digest_of(dict(self.settings))

    async def __call__(self, request: Request) -> Judgment:
        """Judge one request, or return what the log says of it. Equal ones in flight are judged once."""
        if self.ledger.replaying:
            return await self._judge(request)
        key = item_key(request)
        return await self._flights.once(key, lambda: self._judge_once(request, key))

    async def _judge_once(self, request: Request, key: str) -> Judgment:
        log = self.ledger.log
        if log is None:
            return await self._judge(request)
        judged = log.find(Judged, key)
        if judged is not None and judged.judgment.outcome != "unreachable":
            return judged.judgment
        if not log.has("requested", key):
            log.append(await _requested(log, key, request))
        judgment = await self._judge(request)
        log.append(Judged(key=key, judgment=judgment))
        return judgment

    async def _judge(self, request: Request) -> Judgment:
        if request.task == "check" and self.model is None:
            raise UsageError("a checklist is answered by a VLM: name one with --model (the embedded judge has no eyes)")
        chosen, assessments, drawings = await self._gather(request)
        if request.task == "rank":
            return await self._rank(request, chosen, assessments, drawings)
        passes = await self.judge(request, assessments, self.cards, drawings)
        return self._judgment(request, chosen, assessments, passes, combine(passes, task=request.task))

    async def _gather(self, request: Request) -> tuple[Chosen, Sequence[Assessment], Sequence[Drawing]]:
        """What the specialists say, those that were selected or those that the agent called."""
        if self.agent is not None:
            found = await self.agent(request, key=item_key(request))
            return found.chosen, found.assessments, found.drawings
        chosen = await self._select(request)
        assessments = await assess(
            request,
            chosen.names,
            self.cards,
            ledger=self.ledger,
            settings=self.tool_settings,
            toolbox=self.toolbox,
        )
        return chosen, assessments, ()

    async def _select(self, request: Request) -> Chosen:
        cards = self.cards
        if isinstance(self.judge, (SpecialistJudge, QuantityJudge)) and self.selection.how == "auto":
            cards = {name: card for name, card in cards.items() if name in self.judge.reads(edit=request.edit)}
        return await select(
            self.selection, request, cards, model=self.model, ledger=self.ledger, sampling=self.sampling
        )

    async def _rank(
        self, request: Request, chosen: Chosen, assessments: Sequence[Assessment], drawings: Sequence[Drawing]
    ) -> Judgment:
        pairs = list(combinations(range(len(request.candidates)), 2))
        found = await together(self._duel(request, assessments, drawings, i, j) for i, j in pairs)
        duels = tuple(duel for duel, _ in found)
        passes = [item for _, items in found for item in items]
        failed = next((duel for duel in duels if duel.preferred is None), None)
        if failed is not None:
            shown = f"{failed.first} against {failed.second}: {failed.reason}"
            result = Combined(outcome=failed.outcome, reason=f"one comparison has no result ({shown})")
            return self._judgment(request, chosen, assessments, passes, result, duels=duels)
        results = [
            (i, j, 0.5 if duel.preferred == "tie" else float(duel.preferred == duel.first))
            for (i, j), duel in zip(pairs, duels, strict=True)
        ]
        ranking = rank_by_wins(len(request.candidates), results)
        outcome = "tie" if len(ranking) == 1 else "scored"
        reason = "ranked by wins over all pairs: " + " > ".join("=".join(group) for group in ranking)
        result = Combined(outcome=outcome, reason=reason)
        return self._judgment(request, chosen, assessments, passes, result, duels=duels, ranking=ranking)

    async def _duel(
        self, request: Request, assessments: Sequence[Assessment], drawings: Sequence[Drawing], i: int, j: int
    ) -> tuple[Duel, list[Pass]]:
        two = (request.candidates[i], request.candidates[j])
        pair = Request(request.prompt, two, request.sources, "compare", questions=request.questions)
        renamed = {LETTERS[i]: "a", LETTERS[j]: "b"}
        told = [
            assessment.model_copy(update={"candidate": renamed[assessment.candidate]})
            for assessment in assessments
            if assessment.candidate in renamed
        ]
        drawn = [replace(each, candidate=renamed[each.candidate]) for each in drawings if each.candidate in renamed]
        passes = await self.judge(pair, told, self.cards, drawn)
        result = combine(passes, task="compare")
        speaker = spokesman(passes, result.preferred)
        said = speaker.verdict.rationale if speaker and speaker.verdict else ""
        back = {"a": LETTERS[i], "b": LETTERS[j], "tie": "tie"}
        duel = Duel(
            first=LETTERS[i],
            second=LETTERS[j],
            outcome=result.outcome,
            preferred=back[result.preferred] if result.preferred else None,
            probability=result.probability,
            consistent=result.consistent,
            reason=in_duel(result.reason, LETTERS[i], LETTERS[j]),
            rationale=in_duel(said, LETTERS[i], LETTERS[j]),
        )
        return duel, passes

    def _judgment(
        self,
        request: Request,
        chosen: Chosen,
        assessments: Sequence[Assessment],
        passes: Sequence[Pass],
        result: Combined,
        *,
        duels: tuple[Duel, ...] = (),
        ranking: tuple[tuple[str, ...], ...] = (),
    ) -> Judgment:
        speaker = spokesman(passes, result.preferred) if not duels else None
        told = speaker.verdict if speaker and speaker.verdict else Verdict()
        warnings = [*chosen.warnings, *(warning for item in passes for warning in item.warnings)]
        flagged = [f"quoted wrongly: {item.assessment} ({item.flag})" for item in told.citations if item.flag]
        return Judgment(
            id=request.id or request.digest[:16],
            task=request.task,
            prompt=request.prompt,
            candidates=tuple(picture.sha256 for picture in request.candidates),
            sources=tuple(picture.sha256 for picture in request.sources),
            **{name: getattr(result, name) for name in Combined.model_fields},
            ranking=ranking,
            duels=duels,
            rationale=told.rationale,
            observations=told.observations,
            weaknesses=told.weaknesses,
            checklist=told.checklist,
            attributes=told.attributes,
            dimensions=told.dimensions,
            citations=told.citations,
            assessments=tuple(assessments),
            selection=chosen,
            passes=() if duels else tuple(passes),
            usage=sum((item.usage for item in passes), chosen.usage),
            cost=total_cost([chosen.cost, *(item.cost for item in passes)]),
            warnings=tuple(dict.fromkeys([*warnings, *flagged])),
            judged_by=self._judged_by(request, chosen),
        )

    @property
    def _without_model(self) -> str:
        return f"specialist:{self.judge.name}" if isinstance(self.judge, QuantityJudge) else "embedded"

    def _judged_by(self, request: Request, chosen: Chosen) -> JudgedBy:
        prompts: dict[str, str] = {}
        if self.model is not None:
            task = "compare" if request.task == "rank" else request.task
            looked = ["select"] if chosen.call else ["agent", "agent-findings"] if chosen.steps else []
            names = [prompt_name(task, self.settings["protocol"]), *looked]
            prompts = {name: find_prompts()[name].digest for name in names}
        return JudgedBy(
            model=self.model.name if self.model else self._without_model,
            protocol=self.settings["protocol"],
            autorater=self.version,
            prompts=prompts,
            cards={name: self.cards[name].digest for name in chosen.names},
            checklist=self.judge.list_digest(request) if isinstance(self.judge, VlmJudge) else "",
            settings=self.digest,
            request=request.digest,
        )


def make_loop(
    settings: Settings,
    *,
    model: Model | None,
    scorer: Model | None,
    criterion: str,
    ledger: Ledger,
    cards: Mapping[str, Card],
    toolbox: Toolbox | None,
    tool_settings: str,
    version: str,
) -> Loop:
    """Put the pieces together. Without a model the embedded judge decides; `toolbox` is None in a replay."""
    specialists: SpecialistJudge | QuantityJudge | None = None
    if model is not None:
        if criterion != "overall":
            raise UsageError(f"criterion={criterion!r} is for the embedded judge; a VLM judges the whole")
        judge: Judge = _vlm_judge(settings, model, scorer, ledger)
    else:
        judge = specialists = _embedded_judge(criterion, cards)
    sampling = settings.drawn(model.capability) if model else Sampling()
    cards = _offered(settings.selection, cards, specialists)
    agent = None
    if model is not None and settings.selection.how == "agent":
        agent = Agent(model, ledger, settings.agent, sampling, cards, toolbox, tool_settings)
    described = describe_settings(
        settings,
        model=model,
        scorer=scorer,
        toolbox=tool_settings,
        cards=cards,
        embedded=specialists.digest if specialists else "",
        criterion=criterion,
    )
    return Loop(
        judge=judge,
        agent=agent,
        model=model,
        ledger=ledger,
        selection=settings.selection,
        sampling=sampling,
        cards=cards,
        toolbox=toolbox,
        tool_settings=tool_settings,
        settings=described,
        version=version,
    )


def _vlm_judge(settings: Settings, model: Model, scorer: Model | None, ledger: Ledger) -> VlmJudge:
    return VlmJudge(
        model,
        ledger,
        order=settings.orders(),
        samples=settings.samples,
        protocol=settings.protocol,
        sampling=settings.drawn(model.capability),
        checklist=settings.checklist,
        scorer=scorer,
    )


def _embedded_judge(criterion: str, cards: Mapping[str, Card]) -> SpecialistJudge | QuantityJudge:
    return read_quantity(criterion, cards) if "." in criterion else SpecialistJudge(criterion=criterion)


def _offered(
    selection: Selection, cards: Mapping[str, Card], specialists: SpecialistJudge | QuantityJudge | None
) -> dict[str, Card]:
    """The cards that can matter: a run resumes although something that it never uses was installed meanwhile."""
    names = {"none": (), "fixed": selection.names}.get(selection.how, tuple(cards))
    if specialists is not None and selection.how == "auto":
        names = (*specialists.reads(edit=False), *specialists.reads(edit=True))
    return {name: card for name, card in cards.items() if name in names}


def item_key(request: Request) -> str:
    """The sha256 that names an item of a run: the request's content and its id."""
    return digest_of({"id": request.id, "request": request.digest})


async def _requested(log: RunLog, key: str, request: Request) -> Requested:
    pictures = [*request.sources, *request.candidates]
    if not all(log.keeps(picture) for picture in pictures):  # a thread only where there is something to write
        await asyncio.to_thread(lambda: [log.keep_picture(picture) for picture in pictures])
    return Requested(
        key=key,
        id=request.id,
        task=request.task,
        prompt=request.prompt,
        sources=tuple(record_of(picture) for picture in request.sources),
        candidates=tuple(record_of(picture) for picture in request.candidates),
        questions=request.questions,
    )


def begin(log: RunLog, settings: Mapping[str, Any], cards: Mapping[str, Card], version: str) -> None:
    """Write the first line of a log, or check that a log to resume was made with the same settings."""
    key = digest_of(dict(settings))
    first = next(log.events(), None)
    if isinstance(first, Started) and first.key != key:
        recorded = {name: value for name, value in first.settings.items() if name != "card_blobs"}
        raise RecordError(
            f"this log was made with other settings ({describe_difference(recorded, settings)}): "
            "resume with the same, or choose another --log"
        )
    if first is None:
        blobs = {name: log.keep_text(card.model_dump_json()) for name, card in cards.items()}
        log.append(Started(key=key, autorater=version, at=now(), settings={**settings, "card_blobs": blobs}))


def end(log: RunLog, why: Any, detail: str = "") -> None:
    """Write that the run stopped in an orderly way."""
    log.append(Stopped(why=why, detail=detail, at=now()))
