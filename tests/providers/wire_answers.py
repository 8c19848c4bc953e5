"""Answers in the documented wire format of each provider: what a real one would send, as far as we read it."""

import json
from typing import Any

from wire_server import Answer

from autorater.model import Model, open_model

WRITERS = ("openai", "anthropic", "google", "compatible")
DECIDERS = ("openai-decisions", "google-decisions")
MODELS = {
    "openai": "gpt-6.1-terra",
    "anthropic": "claude-sonnet-5-5",
    "google": "gemini-3.8-flash",
    "openai-decisions": "gpt-6-luna",
    "google-decisions": "gemini-decision-1",
}
SERVED = {
    "openai": "gpt-6.1-terra-2026-10-14",
    "anthropic": "claude-sonnet-5-5",
    "google": "gemini-3.8-flash",
    "compatible": "local-vlm",
    "openai-decisions": "gpt-6-luna-2026-09-30",
    "google-decisions": "gemini-decision-1",
}
REQUEST_ID = "req_0001"
GOOD = '{"rationale": "It is a red square.", "score": 8}'


def connect(provider: str, url: str, **settings: Any) -> Model:
    """Open an adapter on a server; the key is a dummy."""
    if provider == "compatible":
        return open_model(f"compatible:{url}/v1#local-vlm", **settings)
    base = f"{url}/v1" if provider.startswith("openai") else url
    return open_model(f"{provider}:{MODELS[provider]}", api_key="dummy-key", base_url=base, **settings)


def written(provider: str, text: str = GOOD, *, cut_short: bool = False) -> Answer:
    """A written answer: 1000 tokens in of which 200 cached, 60 out of which 20 of reasoning."""
    return {"openai": _openai, "anthropic": _anthropic, "google": _google, "compatible": _chat}[provider](
        text, cut_short
    )


def _openai(text: str, cut_short: bool) -> Answer:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return responses([part], incomplete="max_output_tokens" if cut_short else "")


def responses(parts: list[dict[str, Any]], *, incomplete: str = "", **more: Any) -> Answer:
    """OpenAI's Responses: one reasoning item and one message."""
    status = "incomplete" if incomplete else "completed"
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": parts}
    body: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1790000000,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": incomplete} if incomplete else None,
        "model": SERVED["openai"],
        "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "store": False,
        "usage": {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 0},
            "output_tokens": 60,
            "output_tokens_details": {"reasoning_tokens": 20},
            "total_tokens": 1060,
        },
    }
    return Answer(body | more, headers={"x-request-id": REQUEST_ID})


def _anthropic(text: str, cut_short: bool) -> Answer:
    return message(text, stop_reason="max_tokens" if cut_short else "end_turn")


def message(text: str, *, stop_reason: str = "end_turn", **more: Any) -> Answer:
    """Anthropic's Messages: a thinking block and a text block."""
    body: dict[str, Any] = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": SERVED["anthropic"],
        "content": [{"type": "thinking", "thinking": "", "signature": "c2ln"}, {"type": "text", "text": text}],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 800,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 200,
            "output_tokens": 60,
            "output_tokens_details": {"thinking_tokens": 20},
            "service_tier": "standard",
        },
    }
    return Answer(body | more, headers={"request-id": REQUEST_ID})


def _google(text: str, cut_short: bool) -> Answer:
    return candidates(text, reason="MAX_TOKENS" if cut_short else "STOP")


def candidates(text: str, *, reason: str = "STOP", **more: Any) -> Answer:
    """Google's generateContent: a thought and a text."""
    parts = [{"text": "thinking about it", "thought": True}, {"text": text, "thoughtSignature": "c2ln"}]
    body: dict[str, Any] = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 1000,
            "cachedContentTokenCount": 200,
            "candidatesTokenCount": 40,
            "thoughtsTokenCount": 20,
            "totalTokenCount": 1060,
        },
        "modelVersion": SERVED["google"],
        "responseId": REQUEST_ID,
    }
    return Answer(body | more)


def blocked() -> Answer:
    """Google: the prompt was blocked, and there are no candidates."""
    body = {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 1000, "totalTokenCount": 1000},
        "modelVersion": SERVED["google"],
        "responseId": REQUEST_ID,
    }
    return Answer(body)


def _chat(text: str, cut_short: bool) -> Answer:
    return chat(text, reason="length" if cut_short else "stop")


def chat(text: str | None, *, reason: str = "stop", refusal: str | None = None, logprobs: Any = None) -> Answer:
    """Chat Completions."""
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": reason,
        "message": {"role": "assistant", "content": text, "refusal": refusal},
        "logprobs": logprobs,
    }
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1790000000,
        "model": SERVED["compatible"],
        "choices": [choice],
        "usage": {
            "prompt_tokens": 1000,
            "prompt_tokens_details": {"cached_tokens": 200},
            "completion_tokens": 60,
            "completion_tokens_details": {"reasoning_tokens": 20},
            "total_tokens": 1060,
        },
    }
    return Answer(body, headers={"x-request-id": REQUEST_ID})


Asked = tuple[str, str, Any]
"""A call: its id, the tool's name, and the arguments as an object or, malformed, as what stands in their place."""

LOOK: tuple[Asked, ...] = (("call_a", "sharpness", {"image": "image_1"}), ("call_b", "faces", {"least": 0.5}))


def calling(provider: str, *calls: Asked, text: str = "I look closer.", opaque: str = "c2ln") -> Answer:
    """The model calls tools, after it thought (`opaque` is what it wants back) and said `text`."""
    return {
        "openai": _openai_calling,
        "anthropic": _anthropic_calling,
        "google": _google_calling,
        "compatible": _chat_calling,
    }[provider](calls, text, opaque)


def _written(arguments: Any) -> Any:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _openai_calling(calls: tuple[Asked, ...], text: str, opaque: str) -> Answer:
    answer = responses([{"type": "output_text", "text": text, "annotations": [], "logprobs": []}])
    thought, spoken = answer.body["output"]
    thought |= {"encrypted_content": opaque, "content": None, "status": None}
    asked = [
        {
            "type": "function_call",
            "id": f"fc_{id}",
            "call_id": id,
            "name": name,
            "arguments": _written(arguments),
            "status": "completed",
        }
        for id, name, arguments in calls
    ]
    answer.body["output"] = [thought, *([spoken | {"phase": "commentary"}] if text else []), *asked]
    return answer


def _anthropic_calling(calls: tuple[Asked, ...], text: str, opaque: str) -> Answer:
    answer = message(text, stop_reason="tool_use")
    thought, spoken = answer.body["content"]
    asked = [{"type": "tool_use", "id": id, "name": name, "input": arguments} for id, name, arguments in calls]
    answer.body["content"] = [thought | {"signature": opaque}, *([spoken] if text else []), *asked]
    return answer


def _google_calling(calls: tuple[Asked, ...], text: str, opaque: str) -> Answer:
    answer = candidates(text)
    thought, spoken = answer.body["candidates"][0]["content"]["parts"]
    asked: list[dict[str, Any]] = []
    for id, name, arguments in calls:
        call = {"name": name, "args": arguments} | ({"id": id} if id else {})
        asked.append({"functionCall": call} | ({} if asked else {"thoughtSignature": opaque}))
    spoken = [{"text": spoken["text"]}] if text else []
    answer.body["candidates"][0]["content"]["parts"] = [thought, *spoken, *asked]
    return answer


def _chat_calling(calls: tuple[Asked, ...], text: str, opaque: str) -> Answer:
    answer = chat(text or None, reason="tool_calls")
    answer.body["choices"][0]["message"]["tool_calls"] = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": _written(arguments)}}
        for id, name, arguments in calls
    ]
    return answer


def refused(provider: str) -> Answer:
    """A refusal in the way of each provider."""
    return {
        "openai": lambda: responses([{"type": "refusal", "refusal": "I will not judge this."}]),
        "anthropic": lambda: message(
            "",
            stop_reason="refusal",
            stop_details={"type": "refusal", "category": "general_harms", "explanation": None},
        ),
        "google": blocked,
        "compatible": lambda: chat(None, refusal="I will not judge this."),
        "openai-decisions": lambda: decision({"type": "refusal", "name": "score"}),
        "google-decisions": lambda: Answer({"prompt_feedback": {"block_reason": "safety"}}),
    }[provider]()


LEVELS = {str(level): 0.0 for level in range(1, 11)} | {"7": 0.3, "8": 0.6, "9": 0.1}
CHOICES = {"image_1": 0.7, "image_2": 0.2, "tie": 0.1}


def decided(provider: str, kind: str = "score") -> Answer:
    """A decision: score 8 with probability 0.6, or image_1 with 0.7."""
    if provider == "openai-decisions":
        if kind == "score":
            levels = [{"label": label, "value": int(label), "probability": p} for label, p in LEVELS.items()]
            return decision(
                {"type": "score", "name": "score", "score": 7.8, "confidence": 0.6, "probabilities": levels}
            )
        choices = [{"value": value, "probability": p} for value, p in CHOICES.items()]
        return decision(
            {
                "type": "choice",
                "name": "preference",
                "choice": "image_1",
                "confidence": 0.7,
                "probabilities": choices,
            }
        )
    numbered = {str(int(label) - 1): p for label, p in LEVELS.items()}
    legend = {str(int(label) - 1): label for label in LEVELS}
    answers: dict[str, Any] = {
        "score": {"type": "score", "score": 6.8, "confidence": 0.6, "legend": legend, "probabilities": numbered},
        "choice": {"type": "choice", "choice": "image_1", "confidence": 0.7, "probabilities": CHOICES},
    }
    field = "score" if kind == "score" else "preference"
    usage = {"total_input_tokens": 1000, "total_cached_tokens": 200, "total_output_tokens": 0, "total_tokens": 1000}
    return Answer({"answers": {field: answers[kind]}, "usage": usage}, headers={"x-request-id": REQUEST_ID})


def decision(answer: dict[str, Any]) -> Answer:
    """OpenAI's Decisions."""
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1000,
    }
    body = {"answers": [answer], "model": SERVED["openai-decisions"], "usage": usage}
    return Answer(body, headers={"x-request-id": REQUEST_ID})


def good(provider: str) -> Answer:
    """A proper answer to the rating question."""
    return decided(provider) if provider in DECIDERS else written(provider)


def failed(
    provider: str, status: int, message: str, *, code: str = "", headers: dict[str, str] | None = None, **details: Any
) -> Answer:
    """An error in the envelope of each provider."""
    if provider == "anthropic":
        body = {"type": "error", "error": {"type": code or "error", "message": message}, "request_id": REQUEST_ID}
    elif provider.startswith("google"):
        body = {"error": {"code": status, "message": message, "status": code or "UNKNOWN", **details}}
    else:
        body = {"error": {"message": message, "type": "error", "param": details.get("param"), "code": code or None}}
    return Answer(body, status=status, headers=headers or {})
