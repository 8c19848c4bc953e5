"""Decoding under a JSON schema: each token is drawn here, from those that keep the answer valid (llguidance)."""

import codecs
import json
from collections.abc import Callable
from typing import Any

import llguidance
import llguidance.hf
import numpy as np
import torch
from transformers import LogitsProcessor, StoppingCriteria

from autorater.errors import ProviderError, UsageError
from autorater.model import Token

TOP = 20
"""How many of the likeliest tokens are kept at each place."""

# Spaces as in Python's own JSON, which models have seen most; free whitespace lets a model loop on it to the limit.
# Without the escape \u no control characters get into the record.
_LAYOUT: Any = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "json_allowed_escapes": '"\\nt',
}


class Draw(LogitsProcessor):
    """Masks what the schema forbids, draws one token from the rest and leaves only that one to `generate`.

    Drawing here, with a generator of its own, makes an answer depend on its seed alone: not on the process-wide
    random state that other threads use, nor on the sampling defaults that a checkpoint brings along. The log
    probabilities are those after the mask, so that the labels of an enum sum to one, and before the temperature.

    Raises:
        UsageError: the schema has something that cannot be enforced.

    """

    def __init__(
        self,
        words: llguidance.LLTokenizer,
        schema: dict[str, Any],
        *,
        temperature: float | None = None,
        seed: int | None = None,
        logprobs: bool = True,
    ) -> None:
        grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_LAYOUT)
        self._matcher = llguidance.LLMatcher(words, grammar, log_level=0)
        if self._matcher.is_error():
            raise UsageError(f"expected a JSON schema that can be enforced: {self._matcher.get_error()}")
        self.warnings = self._matcher.get_grammar_warnings()
        self._words = words
        self._temperature = temperature or 0.0
        self._logprobs = logprobs
        self._random = torch.Generator()
        if seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(seed % 2**63)
        # A character may be spread over tokens; its text then belongs to the one that completes it.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.ids: list[int] = []
        self.tokens: list[Token] = []
        self.text = ""

    @property
    def complete(self) -> bool:
        """Whether the answer fills the schema and nothing can follow."""
        return self._matcher.is_stopped() and not self._matcher.is_error()

    @property
    def valid(self) -> bool:
        """Whether the answer fills the schema as it stands."""
        return self.complete or self._matcher.is_accepting()

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Scores of the next token in, shape (1, vocabulary); out, minus infinity for all but the one drawn."""
        allowed = self._allowed(scores.shape[-1])
        logits = scores[0].detach().cpu().double()[allowed]
        # Some checkpoints give minus infinity to tokens they never say; when only such are left, any is as good.
        logits = logits if bool(torch.isfinite(logits).any()) else torch.zeros_like(logits)
        place = self._pick(logits)
        chosen = int(allowed[place])
        if not self._matcher.consume_token(chosen):
            raise ProviderError(f"constrained decoding stopped: {self._matcher.get_error()}")
        self._keep(chosen, place, allowed, logits)
        only = torch.full_like(scores, float("-inf"))
        only[0, chosen] = 0.0
        return only

    def _allowed(self, width: int) -> torch.Tensor:
        """The ids of the tokens that keep the answer valid, ascending."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        ids = np.flatnonzero(np.unpackbits(bits, bitorder="little")[:width])
        if self._matcher.is_error() or not len(ids):
            raise ProviderError(f"constrained decoding stopped: {self._matcher.get_error() or 'no token fits'}")
        return torch.as_tensor(ids)

    def _pick(self, logits: torch.Tensor) -> int:
        if self._temperature == 0.0:
            return int(logits.argmax())
        chances = torch.softmax(logits / self._temperature, dim=0)
        return int(torch.multinomial(chances, 1, generator=self._random))

    def _keep(self, chosen: int, place: int, allowed: torch.Tensor, logits: torch.Tensor) -> None:
        self.ids.append(chosen)
        if self._words.is_special_token(chosen):
            return  # the end of the turn: no part of the answer
        text = self._decoder.decode(self._words.decode_bytes([chosen]))
        self.text += text
        if not self._logprobs:
            return
        chances = torch.log_softmax(logits, dim=0)
        top = {text: float(chances[place])}
        best = torch.topk(chances, min(TOP, len(chances)))
        for chance, index in zip(best.values, best.indices, strict=True):
            other = self._words.decode_bytes([int(allowed[index])]).decode("utf-8", "replace")
            if int(index) != place and bool(torch.isfinite(chance)):
                top.setdefault(other, float(chance))
        self.tokens.append(Token(text=text, logprob=top[text], top=top))


class Until(StoppingCriteria):
    """Ends the generation once `done()` says so."""

    def __init__(self, done: Callable[[], bool]) -> None:
        self._done = done

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """A tensor with one flag for each sequence of the batch."""
        return torch.full((input_ids.shape[0],), self._done(), device=input_ids.device, dtype=torch.bool)


def compile_words(tokenizer: Any, ends: list[int]) -> llguidance.LLTokenizer:
    """The tokenizer as llguidance needs it. `ends` are the ids that end a turn. Takes a second for a large one."""
    return llguidance.hf.from_tokenizer(tokenizer, eos_token=ends)
