"""Content labels: what a classifier sees in the picture, and whether it is near what the prompt asks for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autorater.assessment import Measured, Outcome, Reading
from autorater.toolbox import View
from autorater_tools._concepts import concepts
from autorater_tools._efficientnet import load_network, softmax
from autorater_tools._minilm import load_encoder
from autorater_tools._pixels import small_or_blank
from autorater_tools._prompts import need_prompt
from autorater_tools._weights import own_card, weights_path

NO_PROMPT = "a prompt is needed: this specialist compares what it sees with what was asked for"
TEMPERATURE = 0.1
"""Of the softmax over the cosines between a text and the label names."""
GROUNDED = 0.5
"""A concept counts when its nearest label name has at least this cosine."""
NAMED = 5
"""The most probable labels that the text tells."""

Row = NDArray[np.float64]


class ContentLabels:
    """EfficientNet-lite0's 1000 ImageNet labels against the prompt, through MiniLM embeddings of both."""

    def __init__(self, *, device: str = "cpu") -> None:
        card = own_card("content_labels")
        self.network = load_network(weights_path(card, "efficientnet-lite0-57934424.pth"), device=device)
        self.encoder = load_encoder(weights_path(card, "model.safetensors"), weights_path(card, "tokenizer.json"))
        with np.load(weights_path(card, "labels.npz")) as stored:
            self.names: list[str] = stored["names"].tolist()
            self.embeddings: Row = stored["embeddings"].astype(np.float64)
            self.background: Row = stored["background"].astype(np.float64)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order."""
        return [self.measure(view) for view in views]

    def measure(self, view: View) -> Outcome:
        """Both matches and the most probable labels of one picture."""
        prompt = need_prompt(view, NO_PROMPT)
        if refusal := small_or_blank(view.image.array()):
            return refusal
        seen = softmax(self.network.logits(view.image))
        values = {
            "prompt_match": self.match(seen, prompt),
            "concept_match": self.match_concepts(seen, prompt),
            "certainty": min(1.0, float(seen.max())),
        }
        best = np.argsort(-seen)[:NAMED]
        return Measured(
            readings=tuple(Reading(quantity=name, value=value) for name, value in values.items()),
            text="Seen: " + ", ".join(f"{self.names[label]} {seen[label]:.0%}" for label in best) + ".",
        )

    def match(self, seen: Row, text: str) -> float:
        """0 when the labels speak for `text` no more than those of any photograph, 1 for surely the nearest label.

        With the weights k of the label names for the text, the seen probabilities p and the average ones b:
        (log k·p - log k·b) / (log max k - log k·b).
        """
        weights = softmax(self.cosines(text) / TEMPERATURE)
        usual = np.log(weights @ self.background)
        return min(1.0, float((np.log(weights @ seen) - usual) / (np.log(weights.max()) - usual)))

    def match_concepts(self, seen: Row, prompt: str) -> float:
        """The mean match of the prompt's content words, weighted by how near a label each has."""
        found = [(self.cosines(word).max(), word) for word in concepts(prompt)]
        kept = [pair for pair in found if pair[0] >= GROUNDED] or sorted(found)[-1:]
        if not kept:
            return self.match(seen, prompt)
        weights = np.array([cosine for cosine, _ in kept])
        return float(weights @ [self.match(seen, word) for _, word in kept] / weights.sum())

    def cosines(self, text: str) -> Row:
        """The cosine between `text` and each label name, shape (1000,)."""
        return self.embeddings @ self.encoder.embed([text])[0].astype(np.float64)
