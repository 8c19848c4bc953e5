"""The four questions of the E-step: with the label, in the other order, by rationale alone, and without the label.

The label stands in a part of its own after the student's question. What is exported is the student's question, which
never held it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autorater.assessing import assess
from autorater.canonical import digest_of
from autorater.card import Card
from autorater.errors import ReplyError
from autorater.events import Asked
from autorater.evidence import Evidence, check_citations, show_evidence
from autorater.judge import Loop
from autorater.ledger import Ledger
from autorater.messages import Conversation, Text, Turn
from autorater.model import Question, Token
from autorater.prompting import get_prompt
from autorater.request import Request
from autorater.runlog import RunLog
from autorater.selection import select
from autorater.verdict import SCALE, parse_verdict
from autorater.vlm_judge import VlmJudge
from autorater_evals.distillation.draft import NOTHING, Draft, in_form
from autorater_evals.distillation.labels import words
from autorater_evals.distillation.plan import Subject, Variant


@dataclass(frozen=True)
class Teacher:
    """A loop of the core with a VLM, on its log."""

    loop: Loop
    judge: VlmJudge
    log: RunLog

    @property
    def ledger(self) -> Ledger:
        """The ledger that all calls go through."""
        return self.loop.ledger

    def request(self, subject: Subject) -> Request:
        """The request of a subject, its images from the log."""
        return Request(
            prompt=subject.prompt,
            candidates=tuple(self.log.picture(record) for record in subject.candidates),
            sources=tuple(self.log.picture(record) for record in subject.sources),
            task=subject.task,
            id=subject.item,
            questions=subject.questions,
        )

    async def evidence(
        self, request: Request, variant: Variant, order: Sequence[int]
    ) -> tuple[Evidence, tuple[str, ...]]:
        """What the specialists say, all that were chosen and apply, and who they are; nothing in the free variant."""
        if variant == "free":
            return NOTHING, ()
        loop, cards = self.loop, dict[str, Card](self.loop.cards)
        chosen = await select(
            loop.selection, request, cards, model=None, ledger=loop.ledger, sampling=self.judge.sampling
        )
        told = await assess(
            request, chosen.names, cards, ledger=loop.ledger, settings=loop.tool_settings, toolbox=loop.toolbox
        )
        return show_evidence(told, cards, order), chosen.names

    async def student(
        self, subject: Subject, variant: Variant, order: tuple[int, ...], sample: int = 0
    ) -> tuple[Question, Evidence, tuple[str, ...]]:
        """The question as any judge is asked it, the evidence that it shows, and the specialists who gave it."""
        request = self.request(subject)
        evidence, names = await self.evidence(request, variant, order)
        return self.judge.question(request, evidence, order, sample=sample), evidence, names

    async def anchored(self, subject: Subject, variant: Variant, order: tuple[int, ...], sample: int) -> Draft:
        """A draft by a teacher who knows the label."""
        question, evidence, _ = await self.student(subject, variant, order, sample)
        block = get_prompt("anchor").render({"label": words(subject.label, order)}, {}).turns[0]
        asked = await self.ledger.ask(self.judge.model, with_last(question, block))
        return self._draft(subject, variant, order, sample, question, evidence, asked)

    async def unanchored(
        self, subject: Subject, variant: Variant, order: tuple[int, ...], sample: int
    ) -> tuple[Draft, Sequence[Token]]:
        """A draft by a teacher who does not know the label, and its tokens where the model gives them."""
        question, evidence, _ = await self.student(subject, variant, order, sample)
        asked = await self.ledger.ask(self.judge.model, question)
        tokens = asked.reply.tokens if asked.reply else ()
        return self._draft(subject, variant, order, sample, question, evidence, asked), tokens

    async def rederived(self, draft: Draft) -> Mapping[str, Any]:
        """What a reader of the rationale alone answers; {} when the answer cannot be used."""
        subject = draft.subject
        asked_for = [
            item for item in (subject.questions.items if subject.questions else ()) if item.id in subject.label.answers
        ]
        conversation = get_prompt("rederive").render(
            {"task": subject.task, "rationale": draft.rationale, "asked": asked_for}, {}
        )
        schema = _decision(subject, [item.id for item in asked_for])
        question = Question(
            conversation,
            "rederivation",
            schema,
            schema_digest=digest_of(schema),
            sampling=self.judge.sampling,
            sample=draft.sample,
        )
        asked = await self.ledger.ask(self.judge.model, question)
        try:
            return in_form(asked.reply.text if asked.reply else "", schema)
        except ValueError:
            return {}

    def _draft(
        self,
        subject: Subject,
        variant: Variant,
        order: tuple[int, ...],
        sample: int,
        question: Question,
        evidence: Evidence,
        asked: Asked,
    ) -> Draft:
        said = [part.text for turn in question.conversation.turns for part in turn.parts if isinstance(part, Text)]
        draft = Draft(
            subject=subject,
            variant=variant,
            order=order,
            sample=sample,
            evidence=evidence,
            shown="\n".join(said),
        )
        if asked.reply is None or asked.reply.finish != "stop":
            why = asked.error if asked.reply is None else asked.reply.refusal or asked.reply.finish
            return replace(draft, problem=f"no answer: {why}")
        request = self.request(subject)
        bare = self.judge.protocol == "autorater-paper" and subject.task != "check"
        try:
            told = in_form(asked.reply.text, question.schema)
            text = json.dumps(told, ensure_ascii=False)
            verdict = parse_verdict(
                text, task=subject.task, checklist=self.judge.list_for(request), order=order, bare=bare
            )
        except (ValueError, ReplyError) as error:
            return replace(draft, problem=str(error))
        checked = verdict.model_copy(update={"citations": check_citations(verdict.citations, evidence)})
        return replace(draft, told=told, completion=text, verdict=checked)


def with_last(question: Question, block: Turn) -> Question:
    """The question with the parts of `block` after its own; its own are the same objects, in the same order."""
    [turn] = question.conversation.turns
    conversation = Conversation(question.conversation.system, (Turn("user", (*turn.parts, *block.parts)),))
    return replace(question, conversation=conversation)


def _decision(subject: Subject, questions: Sequence[str]) -> dict[str, Any]:
    answer = {"type": "string", "enum": ["yes", "no", "cannot_tell"]}
    properties: dict[str, Any] = {
        "compare": {"preference": {"type": "string", "enum": ["image_1", "image_2", "tie"]}},
        "rate": {"score": {"type": "integer", "minimum": SCALE[0], "maximum": SCALE[1]}},
    }.get(subject.task) or dict.fromkeys(questions, answer)
    names = list(properties)
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
