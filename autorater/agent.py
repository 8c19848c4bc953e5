"""The agent: before it judges, the VLM looks at the images with specialists, step by step. The loop, and only the loop.

All that it asks goes through the ledger. The clock is the one thing that a record cannot repeat, so a loop that the
clock ended says so in the log, and a replay ends it there and nowhere else.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autorater.assessing import assessment_of, look
from autorater.assessment import Assessment
from autorater.calling import (
    Parts,
    Plan,
    Said,
    answer_in_words,
    answer_natively,
    ask_in_words,
    ask_natively,
    plan_call,
    read_in_words,
    read_natively,
    tools_for,
)
from autorater.card import Card
from autorater.events import Asked, Halted
from autorater.evidence import Drawing, asked_for, tell
from autorater.image import Picture
from autorater.judgment import Chosen, Found, Look, Step, total_cost
from autorater.ledger import Ledger
from autorater.messages import Conversation, Image, Text, Tool
from autorater.model import Called, Model, Question, Reply, Sampling, Usage
from autorater.prompting import get_prompt
from autorater.request import Request
from autorater.selection import applicable
from autorater.settings import AgentLimits
from autorater.toolbox import Toolbox
from autorater.verdict import in_letters
from autorater.work import together


@dataclass(frozen=True, slots=True)
class Findings:
    """What the agent brings to the judge."""

    chosen: Chosen
    assessments: tuple[Assessment, ...]
    drawings: tuple[Drawing, ...]


@dataclass
class _Trail:
    """One request's loop so far."""

    request: Request
    cards: Mapping[str, Card]
    images: Mapping[str, str]
    """The name of an image in the conversation → the candidate's letter."""
    tools: tuple[Tool, ...]
    conversation: Conversation
    steps: list[Step] = field(default_factory=list[Step])
    looked: dict[tuple[str, str, str], None] = field(default_factory=dict[tuple[str, str, str], None])
    """Specialist, candidate, what it was asked to look for."""
    assessments: list[Assessment] = field(default_factory=list[Assessment])
    drawings: list[Drawing] = field(default_factory=list[Drawing])
    warnings: list[str] = field(default_factory=list[str])
    costs: list[float | None] = field(default_factory=list[float | None])
    usage: Usage = field(default_factory=Usage)
    reason: str = ""

    def plain(self, text: str) -> str:
        """`text` with the candidates' letters for the numbers that the model saw."""
        return in_letters(text, {name: self.images[name] for name in reversed(list(self.images))})

    def findings(self) -> Findings:
        """What was found, for the judge and for the record."""
        chosen = Chosen(
            how="agent",
            names=tuple(dict.fromkeys(name for name, _, _ in self.looked)),
            reason=self.reason,
            steps=tuple(self.steps),
            usage=self.usage,
            cost=total_cost(self.costs),
            warnings=tuple(dict.fromkeys(self.warnings)),
        )
        order = {name: place for place, name in enumerate([*chosen.names, *self.images.values()])}
        told = sorted(self.assessments, key=lambda each: (order[each.specialist], order[each.candidate]))
        return Findings(chosen, tuple(told), tuple(self.drawings))


@dataclass(frozen=True)
class Agent:
    """Asks `model`, natively where it takes tools, else by structured answers."""

    model: Model
    ledger: Ledger
    limits: AgentLimits
    sampling: Sampling
    cards: Mapping[str, Card]
    toolbox: Toolbox | None
    tool_settings: str

    async def __call__(self, request: Request, *, key: str) -> Findings:
        """Look at one request; `key` names it in the log. A limit or a failure ends the loop, never the judgment.

        Raises:
            BudgetExceeded, ReplayMiss, RecordError.
            ProviderError: the provider refuses this key or model altogether.

        """
        offered = applicable(self.cards.values(), request)
        if not offered:
            nothing = Chosen(how="agent", names=(), reason="no specialist applies to this request")
            return Findings(nothing, (), ())
        trail = self._begin(request, offered)
        started = time.monotonic()
        while not self._ended(trail, key, started):
            asked = await self.ledger.ask(self.model, self._question(trail))
            trail.costs.append(asked.cost)
            said = self._read(trail, asked)
            if said is None or not said.wanted or asked.reply is None:
                break
            await self._step(trail, asked.key, asked.reply, said)
        return trail.findings()

    def _begin(self, request: Request, offered: Sequence[Card]) -> _Trail:
        sources = {f"source_{place}": picture for place, picture in enumerate(request.sources, 1)}
        images = {f"image_{place}": picture for place, picture in enumerate(request.candidates, 1)}
        tools = tools_for(offered, list(images))
        told = {
            "prompt": request.prompt,
            "edit": request.edit,
            "sources": list(sources),
            "images": list(images),
            "tools": () if self.model.capability.tools else tools,
            "steps": self.limits.steps,
            "looks": self.limits.calls,
        }
        conversation = get_prompt("agent").render(told, {**sources, **images})
        letters = dict(zip(images, request.named(), strict=True))
        return _Trail(request, {card.name: card for card in offered}, letters, tools, conversation)

    def _ended(self, trail: _Trail, key: str, started: float) -> bool:
        """Whether a limit is met; which one is told in the warnings."""
        limits, steps = self.limits, len(trail.steps)
        met = ""
        if not steps:
            return False
        if steps >= limits.steps:
            met = f"{limits.steps} turns"
        elif len(trail.looked) >= limits.calls:
            met = f"{limits.calls} looks"
        elif limits.cost is not None and sum(cost or 0.0 for cost in trail.costs) >= limits.cost:
            met = f"${limits.cost:g}"
        elif self._halted(key, steps, time.monotonic() - started):
            met = f"{limits.seconds:g} s"
        if met:
            trail.warnings.append(f"the agent was ended by its limit of {met}; the judge has what it found until then")
        return bool(met)

    def _halted(self, key: str, steps: int, seconds: float) -> bool:
        log = self.ledger.log
        recorded = log.find(Halted, key) if log else None
        if recorded is not None:
            return recorded.steps <= steps
        if self.ledger.replaying or seconds < self.limits.seconds:
            return False
        if log is not None:
            log.append(Halted(key=key, steps=steps, seconds=round(seconds, 3)))
        return True

    def _question(self, trail: _Trail) -> Question:
        if self.model.capability.tools:
            return ask_natively(trail.conversation, trail.tools, self.sampling)
        return ask_in_words(trail.conversation, trail.tools, list(trail.images), self.sampling)

    def _read(self, trail: _Trail, asked: Asked) -> Said | None:
        """What the model said, or None when it said nothing that can be used."""
        reply = asked.reply
        if reply is None or reply.finish == "refusal":
            trail.steps.append(Step(call=asked.key))
        if reply is None:
            trail.warnings.append(f"the agent got no answer from {self.model.name}: {asked.error}")
            return None
        trail.usage += reply.usage
        trail.warnings += reply.warnings
        if reply.finish == "refusal":
            trail.warnings.append(f"the agent was refused: {reply.refusal or 'no reason given'}")
            return None
        said = read_natively(reply) if self.model.capability.tools else read_in_words(reply)
        if not said.wanted:
            trail.reason = trail.plain(said.thought)
            trail.steps.append(Step(call=asked.key, thought=trail.reason))
            if reply.finish == "length":
                trail.warnings.append("the agent's last words were cut off: raise --max-output-tokens")
        return said

    async def _step(self, trail: _Trail, call: str, reply: Reply, said: Said) -> None:
        """Do what the model asks for, and tell it what came of it."""
        plans = self._plan(trail, said.wanted)
        done = await together(self._look(trail, plan) for plan in plans)
        steps, looks = self.limits.steps - len(trail.steps) - 1, self.limits.calls - len(trail.looked)
        room = self.model.capability.max_images - len(trail.conversation.pictures())
        results, failed, told = list[Parts](), list[bool](), list[Look]()
        for number, (wanted, plan, found) in enumerate(zip(said.wanted, plans, done, strict=True), 1):
            drawings = [drawing for _, _, drawing in found if drawing is not None]
            last = number == len(plans)
            results.append(_result(trail, plan, found, drawings[: max(0, room)], steps if last else 0, looks))
            failed.append(all(each.outcome == "failed" for each, _, _ in found))
            told.append(
                Look(
                    tool=wanted.name[:60],
                    arguments=wanted.arguments,
                    found=tuple(each for each, _, _ in found),
                    problem=plan.problem,
                )
            )
            room -= len(drawings)
            trail.assessments += [assessment for _, assessment, _ in found]
            trail.drawings += drawings
        turns = (
            answer_natively(said, results, failed) if self.model.capability.tools else answer_in_words(reply, results)
        )
        trail.conversation = Conversation(trail.conversation.system, (*trail.conversation.turns, *turns))
        trail.steps.append(Step(call=call, thought=trail.plain(said.thought), looks=tuple(told)))

    def _plan(self, trail: _Trail, wanted: Sequence[Called]) -> list[Plan]:
        """What is to be done for each call; what it takes of the limit on looks is taken here."""
        plans: list[Plan] = []
        for each in wanted:
            plan = plan_call(each, trail.cards, trail.images, trail.request.prompt)
            keys = [(plan.card.name, letter, plan.look_for) for letter in plan.letters] if plan.card else []
            new = [key for key in keys if key not in trail.looked]
            left = self.limits.calls - len(trail.looked)
            if keys and not new:
                plan = Plan(None, problem="this was asked before: its answer stands above")
            elif len(new) > left:
                plan = Plan(None, problem=f"this takes {len(new)} looks, more than are left ({left})")
            else:
                plan = Plan(plan.card, tuple(letter for _, letter, _ in new), plan.look_for, plan.problem)
                trail.looked |= dict.fromkeys(new)
            plans.append(plan)
        return plans

    async def _look(self, trail: _Trail, plan: Plan) -> list[tuple[Found, Assessment, Drawing | None]]:
        if plan.card is None:
            return []
        return await together(self._one(trail, plan.card, letter, plan.look_for) for letter in plan.letters)

    async def _one(
        self, trail: _Trail, card: Card, letter: str, look_for: str
    ) -> tuple[Found, Assessment, Drawing | None]:
        assessed = await look(
            trail.request,
            card,
            letter,
            look_for=look_for,
            ledger=self.ledger,
            settings=self.tool_settings,
            toolbox=self.toolbox,
        )
        picture = await self.ledger.draw(assessed, trail.request.named()[letter])
        found = Found(
            candidate=letter,
            call=assessed.key,
            outcome=assessed.outcome.kind,
            picture=picture.sha256 if picture else "",
        )
        drawing = Drawing(card.name, letter, picture, look_for) if picture else None
        return found, assessment_of(assessed, card, letter, look_for=look_for), drawing


def _result(
    trail: _Trail,
    plan: Plan,
    found: Sequence[tuple[Found, Assessment, Drawing | None]],
    drawings: Sequence[Drawing],
    steps: int,
    looks: int,
) -> Parts:
    """What one call is answered with: the findings as the judge reads them, and the pictures that there is room for."""
    shown = {letter: name.replace("_", " ").capitalize() for name, letter in trail.images.items()}
    pictures: dict[str, Picture] = {f"drawing_{place}": each.picture for place, each in enumerate(drawings, 1)}
    told = {
        "problem": plan.problem,
        "findings": [
            line for _, each, _ in found if plan.card for line in tell(each, plan.card, shown[each.candidate])
        ],
        "drawings": [
            {
                "name": name,
                "image": shown[each.candidate],
                "specialist": each.specialist,
                "asked": asked_for(each.look_for),
            }
            for name, each in zip(pictures, drawings, strict=True)
        ],
        "steps": steps,
        "looks": looks,
    }
    (turn,) = get_prompt("agent-findings").render(told, pictures).turns
    return tuple(part for part in turn.parts if isinstance(part, Text | Image))
