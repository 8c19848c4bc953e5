"""A conversation as the text that a checkpoint was trained on, through its chat template."""

import re
from typing import Any

from jinja2 import TemplateError

from autorater.errors import UsageError
from autorater.messages import Conversation, Text, Turn


def render(processor: Any, conversation: Conversation, *, name: str) -> tuple[str, list[str]]:
    """The prompt with one placeholder for each image, in order, and warnings.

    Text comes from outside: what reads as a control token in it (`<image>`, `<|im_end|>`) is broken by a space, so
    that it can neither end a turn nor stand for an image.

    Raises:
        UsageError: there is no chat template, or it cannot render the conversation.

    """
    template = processor.chat_template or processor.tokenizer.chat_template
    if not template:
        raise UsageError(f"{name} has no chat template: use a checkpoint that was tuned for conversation")
    control, warnings = _Control(processor, str(template)), list[str]()
    system = control.broken(conversation.system)
    turns = [_message(turn, control) for turn in conversation.turns]
    prompt = _apply(processor, [_said("system", system), *turns] if system else turns)
    if system and (prompt is None or system.strip() not in prompt):
        warnings.append(f"the system text is in the first turn: the template of {name} has no place for it")
        first = {**turns[0], "content": [{"type": "text", "text": f"{system}\n\n"}, *turns[0]["content"]]}
        prompt = _apply(processor, [first, *turns[1:]])
    if prompt is None:
        raise UsageError(f"the chat template of {name} cannot render this conversation: use another checkpoint")
    if control.found:
        warnings.append(f"control tokens in the text were broken by a space: {' '.join(sorted(control.found))}")
    return prompt, warnings


class _Control:
    """The tokens with a meaning of their own, and which of them stood in the text."""

    def __init__(self, processor: Any, template: str) -> None:
        added: list[Any] = list(processor.tokenizer.added_tokens_decoder.values())
        tokens = {str(token.content) for token in added if token.special or str(token.content) in template}
        tokens |= {str(getattr(processor, kind)) for kind in ("image_token", "video_token") if hasattr(processor, kind)}
        longest_first = sorted((token for token in tokens if len(token.strip()) > 1), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self.found: set[str] = set()

    def broken(self, text: str) -> str:
        self.found |= set(self._pattern.findall(text))
        return self._pattern.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)


def _message(turn: Turn, control: _Control) -> dict[str, Any]:
    content: list[dict[str, str]] = []
    for part in turn.parts:
        if not isinstance(part, Text):
            content.append({"type": "image"})
        elif content and content[-1]["type"] == "text":  # joined first: a token could be spread over two parts
            content[-1]["text"] += part.text
        else:
            content.append({"type": "text", "text": part.text})
    for part in content:
        if part["type"] == "text":
            part["text"] = control.broken(part["text"])
    return {"role": turn.role, "content": content}


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


def _apply(processor: Any, messages: list[dict[str, Any]]) -> str | None:
    """The rendered prompt, or None when the template refuses (some know no system turn)."""
    template = str(processor.chat_template or processor.tokenizer.chat_template)
    # Models that may think first must not: the answer is JSON from its first token on.
    extra = {"enable_thinking": False} if "enable_thinking" in template else {}
    try:
        return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **extra))
    except TemplateError:
        return None
