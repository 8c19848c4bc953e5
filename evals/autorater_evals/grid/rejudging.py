"""A recorded run judged again with another judge, from its record alone; what the record lacks is counted, not guessed.

The changed judge asks the same ledger as a replay. An answer that is there was given to the very same question, so that
what comes of it is what a fresh run with these settings would say.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from autorater.assessing import assess
from autorater.canonical import digest_of
from autorater.card import Card
from autorater.checklist import Checklist
from autorater.errors import ReplayMiss, UsageError
from autorater.events import Judged
from autorater.evidence import show_evidence
from autorater.judge import Loop, make_loop
from autorater.judgment import Judgment
from autorater.ledger import Ledger, canonical_question
from autorater.model import Model
from autorater.replay import RecordedModel, recorded_loop
from autorater.request import Request
from autorater.runlog import RunLog
from autorater.selection import Selection, applicable
from autorater.settings import Settings
from autorater.specialist_judge import SpecialistJudge
from autorater.suggest import did_you_mean
from autorater.sync import run_sync
from autorater.vlm_judge import VlmJudge
from autorater_evals.grid.changes import Changes
from autorater_evals.grid.judging import request_of
from autorater_evals.recorded import Evaluated


@dataclass
class Needs:
    """What a recording lacks to answer: calls of the VLM, looks of specialists, and for how many items."""

    items: int = 0
    calls: int = 0
    looks: int = 0


@dataclass
class Rejudging:
    """A run whose record answers for a changed judge; `needs` grows while `judgments` runs."""

    run: Evaluated
    changes: Changes
    needs: Needs = field(default_factory=Needs)
    _loops: dict[tuple[str, ...], Loop] = field(default_factory=dict[Any, Any], repr=False)

    async def judgments(self) -> AsyncGenerator[Judgment, None]:
        """The judgment of every item that the record answers for."""
        with RunLog(self.run.folder) as log:
            recorded = recorded_loop(log)
            self._check(recorded.cards)
            for told in log.requests():
                judged = log.find(Judged, told.key)
                if judged is None or told.id not in self.run.items:
                    continue
                request = request_of(log, told)
                names = self._names(judged.judgment)
                if (found := await self._judge(log, recorded, request, names)) is not None:
                    yield found

    def _check(self, cards: Mapping[str, Card]) -> None:
        for name in (*(self.changes.keep or ()), *self.changes.drop):
            if name not in cards:
                known = did_you_mean(name, cards)
                raise UsageError(
                    f"the recording holds nothing of {name!r} ({known}): evaluate with it, then compare the two runs"
                )

    def _names(self, judgment: Judgment) -> tuple[str, ...]:
        """The specialists that are to be shown of those that were."""
        keep, drop = self.changes.keep, self.changes.drop
        return tuple(n for n in judgment.selection.names if (keep is None or n in keep) and n not in drop)

    async def _judge(self, log: RunLog, recorded: Loop, request: Request, names: tuple[str, ...]) -> Judgment | None:
        specialist = self.changes.criterion.partition(".")[0]
        if "." in self.changes.criterion and specialist not in names:
            self.needs.items += 1
            self.needs.looks += len(request.candidates)
            return None
        if names not in self._loops:
            self._loops[names] = self._loop(log, recorded, names)
        loop = self._loops[names]
        try:
            return await loop(request)
        except ReplayMiss:
            self.needs.items += 1
            await self._count(log, loop, request, names)
            return None

    def _loop(self, log: RunLog, recorded: Loop, names: tuple[str, ...]) -> Loop:
        changes, judge = self.changes, recorded.judge
        if changes.weights and recorded.model is not None and not changes.criterion:
            raise UsageError("--weights are of the embedded judge: let it decide by --criterion overall")
        model = None if changes.criterion else self._model(recorded.model)
        criterion = changes.criterion or str(recorded.settings["criterion"])
        same = not changes.criterion and changes.keep is None and not changes.drop
        settings = recorded_settings(recorded)
        updates: dict[str, Any] = {
            "selection": settings.selection if same else Selection("fixed", names) if names else Selection("none"),
            "order": changes.order or settings.order,
            "samples": changes.samples or settings.samples,
            "protocol": changes.protocol or settings.protocol,
        }
        loop = make_loop(
            settings.model_copy(update=updates),
            model=model,
            scorer=judge.scorer if isinstance(judge, VlmJudge) and model is not None else None,
            criterion=criterion,
            ledger=Ledger(log=log, replaying=True),
            cards=recorded.cards,
            toolbox=None,
            tool_settings=recorded.tool_settings,
            version=recorded.version,
        )
        if changes.weights is None:
            return loop
        if not isinstance(loop.judge, SpecialistJudge):
            raise UsageError("--weights are of the embedded judge, and another judge decides here")
        weighted = SpecialistJudge(criterion=criterion, coefficients=changes.weights)
        return replace(loop, judge=weighted, settings={**loop.settings, "embedded": weighted.digest})

    def _model(self, model: Model | None) -> Model | None:
        if not self.changes.model:
            return model
        if model is None:
            raise UsageError("a VLM instead of the embedded judge is another run: autorater eval BENCHMARK --model …")
        return RecordedModel(self.changes.model, model.capability)

    async def _count(self, log: RunLog, loop: Loop, request: Request, names: tuple[str, ...]) -> None:
        """Count the calls of one item that are not recorded; if what specialists said is not, then all of them."""
        judge = loop.judge
        there = loop.selection.how != "agent"
        cards = applicable([loop.cards[name] for name in names], request)
        try:
            said = await assess(
                request,
                [card.name for card in cards],
                loop.cards,
                ledger=loop.ledger,
                settings=loop.tool_settings,
                toolbox=None,
            )
        except ReplayMiss:
            self.needs.looks += len(cards) * len(request.candidates)
            said, there = (), False
        if not isinstance(judge, VlmJudge):
            return
        models = [judge.model, *([judge.scorer] if judge.scorer else [])]
        for order in judge.orders(request):
            evidence = show_evidence(said, loop.cards, order)
            for sample in range(judge.samples):
                question = judge.question(request, evidence, order, sample=sample)
                keys = [digest_of(canonical_question(model, question)) for model in models]
                self.needs.calls += sum(not (there and log.has("asked", key)) for key in keys)


def recorded_settings(loop: Loop) -> Settings:
    """The settings of a recorded loop, its sampling among them as it was in force."""
    told = loop.settings
    return Settings(
        selection=loop.selection,
        order=told["order"],
        samples=told["samples"],
        protocol=told["protocol"],
        checklist=Checklist.model_validate(told["checklist"]) if told["checklist"] else None,
        sampling=loop.sampling if loop.model is not None else None,
        **({"agent": told["agent"]} if "agent" in told else {}),
    )


def rejudge(rejudging: Rejudging, take: Callable[[Judgment], None]) -> None:
    """Give every judgment that the record answers for to `take`."""

    async def work() -> None:
        async with aclosing(rejudging.judgments()) as stream:
            async for judgment in stream:
                take(judgment)

    run_sync(work())
