"""Direct calls of the SDKs' synchronous clients: facts of the wire that the adapters rely on, as the SDKs see them."""

import base64
from collections.abc import Callable
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import types
from questions import red
from wire_answers import MODELS


def openai_sync(url: str) -> dict[str, Any]:
    """The text, the usage and the request id, as OpenAI's SDK reads them."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="dummy-key", max_retries=0) if url else openai.OpenAI()
    with client:
        answer = client.responses.create(
            model=MODELS["openai"],
            input=[
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is it?"},
                        {
                            "type": "input_image",
                            "image_url": f"data:image/png;base64,{_base64()}",
                            "detail": "high",
                        },
                    ],
                }
            ],
            store=False,
            max_output_tokens=200,
        )
    assert answer.usage is not None
    return {
        "text": answer.output_text,
        "status": answer.status,
        "input": answer.usage.input_tokens,
        "cached": answer.usage.input_tokens_details.cached_tokens,
        "output": answer.usage.output_tokens,
        "reasoning": answer.usage.output_tokens_details.reasoning_tokens,
        "model": answer.model,
    }


def anthropic_sync(url: str) -> dict[str, Any]:
    """The text, the stop reason and the usage (which leaves out the cache), as Anthropic's SDK reads them."""
    client = anthropic.Anthropic(base_url=url, api_key="dummy-key", max_retries=0) if url else anthropic.Anthropic()
    with client:
        answer = client.messages.create(
            model=MODELS["anthropic"],
            max_tokens=200,
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is it?"},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": _base64()},
                        },
                    ],
                }
            ],
        )
    return {
        "text": "".join(part.text for part in answer.content if part.type == "text"),
        "stop_reason": answer.stop_reason,
        "uncached_input": answer.usage.input_tokens,
        "cached": answer.usage.cache_read_input_tokens,
        "output": answer.usage.output_tokens,
        "model": answer.model,
    }


def google_sync(url: str) -> dict[str, Any]:
    """The text, the finish or block reason and the usage (thoughts stand apart), as Google's SDK reads them."""
    options = types.HttpOptions(base_url=url, timeout=10_000) if url else None
    client = genai.Client(api_key="dummy-key" if url else None, http_options=options)
    try:
        answer = client.models.generate_content(
            model=MODELS["google"],
            contents=["What is it?", types.Part.from_bytes(data=red().data, mime_type="image/png")],
            config=types.GenerateContentConfig(max_output_tokens=200, automatic_continuation=False),
        )
    finally:
        client.close()
    usage, feedback = answer.usage_metadata, answer.prompt_feedback
    assert usage is not None
    first = answer.candidates[0] if answer.candidates else None
    return {
        "text": answer.text if first else None,
        "finish_reason": first.finish_reason.value if first and first.finish_reason else None,
        "block_reason": feedback.block_reason.value if feedback and feedback.block_reason else None,
        "input": usage.prompt_token_count,
        "cached": usage.cached_content_token_count,
        "output_without_thoughts": usage.candidates_token_count,
        "thoughts": usage.thoughts_token_count,
        "model": answer.model_version,
    }


def _base64() -> str:
    return base64.b64encode(red().data).decode()


SYNC_CALLS: dict[str, Callable[[str], dict[str, Any]]] = {
    "openai-sync": openai_sync,
    "anthropic-sync": anthropic_sync,
    "google-sync": google_sync,
    "google-sync-blocked": google_sync,
}
