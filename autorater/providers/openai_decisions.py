"""OpenAI's Decisions API: a choice or a score with probabilities, instead of a written verdict."""

import openai

from autorater.capability import capability_of
from autorater.errors import Unavailable
from autorater.messages import Turn
from autorater.model import Capability, Question, Reply
from autorater.providers._clients import PerLoop, checked_url, key_from
from autorater.providers._decisions import check_first_turn, decision_of, warnings_of
from autorater.providers._failures import answer_of, raise_lost
from autorater.providers._json import Json, inner, items, text
from autorater.providers._tools import check_no_tools
from autorater.providers._wire import check_images, parts_of
from autorater.providers.openai import KEY, client_for, image_part, refusal_or_raise, text_part, usage_of


class OpenAIDecisions:
    """The Decisions API of OpenAI. Of the schema only the last field is answered. `timeout` is in seconds of silence.

    Raises:
        UsageError: no key is set.

    """

    def __init__(
        self, model: str, *, api_key: str | None = None, base_url: str | None = None, timeout: float = 120.0
    ) -> None:
        self._model = model
        self._capability = capability_of("openai-decisions", model)
        key = key_from(api_key, KEY, provider="openai-decisions")
        url = checked_url(base_url, provider="openai-decisions")
        self._clients = PerLoop(lambda: client_for(key, url, timeout), openai.AsyncOpenAI.close)

    @property
    def name(self) -> str:
        """`openai-decisions:model`."""
        return f"openai-decisions:{self._model}"

    @property
    def capability(self) -> Capability:
        """The table's row."""
        return self._capability

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.close()

    async def ask(self, question: Question) -> Reply:
        """One call; see `Model.ask`. `probabilities` holds every label, and `text` the likeliest."""
        check_images(question.conversation, self._capability, name=self.name)
        check_first_turn(question.conversation, name=self.name)
        check_no_tools(question, name=self.name)
        decision, warnings = decision_of(question, name=self.name), warnings_of(question, name=self.name)
        posed: Json = {"name": decision.field, "type": decision.kind, "instructions": decision.instructions}
        if decision.kind == "choice":
            posed["choices"] = [{"value": label} for label in decision.labels]
        else:
            posed["levels"] = [{"label": label} for label in decision.labels]
        body: Json = {"input": self._input(question), "questions": [posed]}
        client = await self._clients.get()
        try:
            # `input` and `questions` are required here and come with the body.
            response = await client.decisions.with_raw_response.create(
                model=self._model, input="", questions=[], extra_body=body
            )
        except openai.APIStatusError as error:
            return refusal_or_raise(error, name=self.name, key=KEY, warnings=warnings)
        except openai.APIConnectionError as error:
            raise_lost(error, name=self.name)
        request_id = response.headers.get("x-request-id", "")
        raw = answer_of(response.content, name=self.name, request_id=request_id)
        answer = (items(raw, "answers") or [Json()])[0]
        refused = answer.get("type") == "refusal"
        if answer.get("type") != decision.kind and not refused:
            raise Unavailable(f"{self.name}: the response answers no {decision.kind}: try again later", status=200)
        word = "value" if decision.kind == "choice" else "label"
        probabilities = {
            text(each, word): float(each.get("probability") or 0) for each in items(answer, "probabilities")
        }
        return Reply(
            text="" if refused else decision.answer(probabilities, name=self.name),
            finish="refusal" if refused else "stop",
            refusal="the provider declined to decide" if refused else "",
            usage=usage_of(inner(raw, "usage")),
            served_by=text(raw, "model"),
            request_id=request_id,
            probabilities=probabilities,
            warnings=warnings,
            raw=raw,
        )

    def _input(self, question: Question) -> list[Json]:
        conversation = question.conversation
        system = {"type": "message", "role": "system", "content": [text_part(conversation.system)]}
        return [system, *(self._turn(turn) for turn in conversation.turns)]

    def _turn(self, turn: Turn) -> Json:
        content = parts_of(turn, text_part, lambda picture: image_part(picture, self._capability))
        return {"type": "message", "role": "user", "content": content}
