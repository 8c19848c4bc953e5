"""The judge that looks: a VLM asked in one or both orders, with one repair turn, through the ledger."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias

from autorater.assessment import Assessment
from autorater.canonical import digest_of
from autorater.card import Card
from autorater.checklist import Checklist, Item, default_checklist
from autorater.distribution import expected, first_preferred, label_distribution
from autorater.errors import ReplyError
from autorater.events import Asked
from autorater.evidence import Drawing, Evidence, check_citations, show_drawings, show_evidence
from autorater.image import Picture
from autorater.judgment import Method, OutcomeKind, Pass, total_cost
from autorater.ledger import Ledger
from autorater.messages import Conversation, Text, Turn
from autorater.model import Model, Question, Sampling, Usage
from autorater.prompting import Prepared, fence, get_prompt
from autorater.request import LETTERS, Request
from autorater.verdict import SCALE, Verdict, attribute_names, parse_verdict, verdict_schema
from autorater.work import together

Order: TypeAlias = Literal["both", "random", "given"]
Protocols: TypeAlias = Literal["autorater", "autorater-paper"]
_SCORES = [str(score) for score in range(SCALE[0], SCALE[1] + 1)]
DRAWINGS = 4
"""At most so many pictures of what specialists found are shown to the judge."""
_PREFERENCES = ("image_1", "image_2", "tie")


class Judge(Protocol):
    """Anything that turns a request and its assessments into passes."""

    async def __call__(
        self,
        request: Request,
        assessments: Sequence[Assessment],
        cards: Mapping[str, Card],
        drawings: Sequence[Drawing] = (),
        /,
    ) -> list[Pass]:
        """One pass per order and sample. `drawings` are what the agent saw; a judge without eyes passes over them."""
        ...


@dataclass(frozen=True)
class VlmJudge:
    """Asks `model`. `scorer` is an optional second model that gives calibrated probabilities (a Decisions API)."""

    model: Model
    ledger: Ledger
    order: Order = "both"
    samples: int = 1
    protocol: Protocols = "autorater"
    sampling: Sampling = field(default_factory=Sampling)
    checklist: Checklist | None = None
    scorer: Model | None = None
    _schemas: dict[tuple[str, bool], tuple[dict[str, Any], str]] = field(default_factory=dict[Any, Any], repr=False)
    _prepared: dict[tuple[str, bool, int], Prepared] = field(default_factory=dict[Any, Any], repr=False)
    _digests: dict[bool, str] = field(default_factory=dict[bool, str], repr=False)

    async def __call__(
        self,
        request: Request,
        assessments: Sequence[Assessment],
        cards: Mapping[str, Card],
        drawings: Sequence[Drawing] = (),
        /,
    ) -> list[Pass]:
        """One pass per order and sample, in parallel."""
        plans = [(order, sample) for order in self.orders(request) for sample in range(self.samples)]
        if len(plans) == 1 or self.ledger.replaying:  # a replay waits for nothing, so tasks would only cost
            return [await self._pass(request, assessments, cards, drawings, *plan) for plan in plans]
        return await together(self._pass(request, assessments, cards, drawings, *plan) for plan in plans)

    def orders(self, request: Request) -> list[tuple[int, ...]]:
        """The orders in which the candidates are shown; `random` is drawn from the request's digest."""
        if request.task != "compare":
            return [(0,)]
        if self.order == "both":
            return [(0, 1), (1, 0)]
        flipped = self.order == "random" and random.Random(request.digest).random() < 0.5
        return [(1, 0) if flipped else (0, 1)]

    async def _pass(
        self,
        request: Request,
        assessments: Sequence[Assessment],
        cards: Mapping[str, Card],
        drawings: Sequence[Drawing],
        order: tuple[int, ...],
        sample: int,
    ) -> Pass:
        evidence = show_evidence(assessments, cards, order)
        question = self.question(request, evidence, order, drawings=drawings, sample=sample)
        shown = "".join(LETTERS[index] for index in order)
        asked = await self.ledger.ask(self.model, question)
        calls = [asked]
        verdict, outcome, detail = self._read(asked, request, order)
        if outcome == "unparsable" and asked.reply is not None and asked.reply.finish == "stop":
            asked = await self.ledger.ask(self.model, _repair(question, asked.reply.text, detail))
            calls.append(asked)
            verdict, outcome, detail = self._read(asked, request, order)
        if verdict is None:
            return _pass(shown, sample, outcome, calls, detail=detail)
        if verdict.citations:
            verdict = verdict.model_copy(update={"citations": check_citations(verdict.citations, evidence)})
        chance, method, warnings = _chance(asked, request), "logprobs", list[str]()
        if self.scorer is not None and request.task != "check":
            scored = await self.ledger.ask(self.scorer, question)
            calls.append(scored)
            told = _scored(scored, request)
            if told is None:
                warnings.append(f"the scorer {self.scorer.name} gave no probabilities: {scored.error or 'none came'}")
            else:
                chance, method = told, "decisions"
        return _pass(shown, sample, outcome, calls, verdict=verdict, chance=chance, method=method, warnings=warnings)

    def question(
        self,
        request: Request,
        evidence: Evidence,
        order: Sequence[int],
        *,
        drawings: Sequence[Drawing] = (),
        sample: int = 0,
    ) -> Question:
        """The call for one order. `autorater-paper` shows no drawings: the paper's judge reads its specialists."""
        kind = (request.task, request.edit, len(request.sources))
        sources = {f"source_{place}": picture for place, picture in enumerate(request.sources, 1)}
        images = {f"image_{place}": request.candidates[index] for place, index in enumerate(order, 1)}
        drawn, drawn_pictures = show_drawings(drawings, order, most=self._room(request))
        pictures: dict[str, Picture] = {**sources, **images, **drawn_pictures}
        # Without evidence all that recurs from request to request is rendered once.
        recurs = not evidence.lines and not drawn and request.questions is None
        prepared = self._prepared.get(kind) if recurs else None
        if prepared is None:
            prepared = self._prepare(request, evidence, list(sources), drawn)
            if recurs:
                self._prepared[kind] = prepared
        schema, digest = self._schema(request)
        return Question(
            prepared.fill(request.prompt, pictures),
            {"rate": "rating", "compare": "comparison"}.get(request.task, "check"),
            schema,
            schema_digest=digest,
            sampling=self.sampling,
            sample=sample,
        )

    def _room(self, request: Request) -> int:
        """How many drawings may be shown beside the images."""
        if self.protocol == "autorater-paper" and request.task != "check":
            return 0
        models = [self.model, *([self.scorer] if self.scorer else [])]
        taken = len(request.sources) + len(request.candidates)
        return min(DRAWINGS, *(model.capability.max_images - taken for model in models))

    def _prepare(
        self, request: Request, evidence: Evidence, sources: list[str], drawn: list[dict[str, str]]
    ) -> Prepared:
        bare = self.protocol == "autorater-paper" and request.task != "check"
        inputs: dict[str, Any] = {
            "prompt": request.prompt,
            "edit": request.edit,
            "sources": sources,
            "evidence": evidence.lines,
        }
        if not bare:
            inputs |= {"questions": self._questions(request), "drawings": drawn}
        if not bare and request.task != "check":
            inputs["attributes"] = attribute_names(edit=request.edit)
        return get_prompt(prompt_name(request.task, self.protocol)).prepare(inputs)

    def _questions(self, request: Request) -> Sequence[Item]:
        """The questions as they are shown: those that came with a request are text from outside, and fenced."""
        if request.questions is None:
            return self.list_for(request).items
        return [item.model_copy(update={"text": fence(item.text, "question")}) for item in request.questions.items]

    def _schema(self, request: Request) -> tuple[dict[str, Any], str]:
        """The schema of the answer and its digest, built once for each kind of request without questions of its own."""
        kind = (request.task, request.edit)
        if request.questions is not None or kind not in self._schemas:
            bare = self.protocol == "autorater-paper" and request.task != "check"
            built = verdict_schema(request.task, checklist=self.list_for(request), edit=request.edit, bare=bare)
            described = built, digest_of(built)
            if request.questions is not None:
                return described
            self._schemas[kind] = described
        return self._schemas[kind]

    def list_for(self, request: Request) -> Checklist:
        """The checklist of this request: its own, the caller's, or the one for generations or edits."""
        return request.questions or self.checklist or default_checklist(edit=request.edit)

    def list_digest(self, request: Request) -> str:
        """The sha256 of the checklist that this request is asked, "" under `autorater-paper`, which asks none."""
        if self.protocol == "autorater-paper" and request.task != "check":
            return ""
        if request.questions is not None:
            return digest_of(request.questions.model_dump(mode="json"))
        if request.edit not in self._digests:
            self._digests[request.edit] = digest_of(self.list_for(request).model_dump(mode="json"))
        return self._digests[request.edit]

    def _read(self, asked: Asked, request: Request, order: Sequence[int]) -> tuple[Verdict | None, OutcomeKind, str]:
        reply = asked.reply
        if reply is None and asked.error_kind == "Refused":
            return None, "refused", f"{self.model.name} declined: {asked.error}"
        if reply is None:
            return None, "unreachable", f"{self.model.name} gave no answer: {asked.error}"
        if reply.finish == "refusal":
            return None, "refused", f"{self.model.name} declined: {reply.refusal or 'no reason given'}"
        bare = self.protocol == "autorater-paper" and request.task != "check"
        try:
            verdict = parse_verdict(
                reply.text, task=request.task, checklist=self.list_for(request), order=order, bare=bare
            )
        except ReplyError as error:
            if reply.finish == "length":
                return None, "unparsable", "the answer was cut off: raise --max-output-tokens"
            return None, "unparsable", str(error)
        return verdict, "tie" if verdict.preference == "tie" else "scored", ""


def prompt_name(task: str, protocol: Protocols) -> str:
    """The prompt file of a task under a protocol."""
    return f"{task}-paper" if protocol == "autorater-paper" and task != "check" else task


def _repair(question: Question, text: str, problem: str) -> Question:
    asking = get_prompt("repair").render({"problem": problem}, {})
    said = Turn("assistant", (Text(text or "(no answer)"),))
    turns = (*question.conversation.turns, said, *asking.turns)
    return replace(question, conversation=Conversation(question.conversation.system, turns))


def _chance(asked: Asked, request: Request) -> float | None:
    """The expected score, or the probability that image 1 is preferred, under the model's own distribution."""
    if asked.reply is None or not asked.reply.tokens:
        return None
    if request.task == "rate":
        distribution = label_distribution(asked.reply.tokens, "score", _SCORES)
        return expected(distribution) if distribution else None
    if request.task == "compare":
        distribution = label_distribution(asked.reply.tokens, "preference", _PREFERENCES)
        return first_preferred(distribution) if distribution else None
    return None


def _scored(asked: Asked, request: Request) -> float | None:
    chances = asked.reply.probabilities if asked.reply else {}
    if not chances:
        return None
    return expected(chances) if request.task == "rate" else first_preferred(chances)


def _pass(
    shown: str,
    sample: int,
    outcome: OutcomeKind,
    calls: Sequence[Asked],
    *,
    detail: str = "",
    verdict: Verdict | None = None,
    chance: float | None = None,
    method: Any = "votes",
    warnings: Sequence[str] = (),
) -> Pass:
    preferred = verdict.preference if verdict else None
    score = verdict.score if verdict else None
    probability = {"a": 1.0, "b": 0.0, "tie": 0.5}[preferred] if preferred else None
    told: Method = method if chance is not None else "votes"
    if chance is not None and preferred is not None:
        probability = chance if shown == "ab" else 1 - chance
    replies = [call.reply for call in calls if call.reply is not None]
    own = [call for call in calls if call.request["model"] == calls[0].request["model"]]  # the others are the scorer's
    told_by_model = [warning for reply in replies for warning in reply.warnings]
    repaired = ["the first answer did not fit the schema; this is the answer of the repair turn"] * (len(own) > 1)
    return Pass(
        order=shown,
        sample=sample,
        outcome=outcome,
        detail=detail,
        verdict=verdict,
        probability=None if probability is None else round(probability, 6),
        score=score if chance is None or score is None else round(chance, 4),
        method=told,
        calls=tuple(call.key for call in calls),
        usage=sum((reply.usage for reply in replies), Usage()),
        cost=total_cost([call.cost for call in calls]),
        served_by=next((call.reply.served_by for call in reversed(own) if call.reply is not None), ""),
        warnings=tuple(dict.fromkeys([*told_by_model, *repaired, *warnings])),
    )
