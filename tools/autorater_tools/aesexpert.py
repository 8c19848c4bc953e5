"""How a picture looks, in words: AesExpert's description of its aesthetics, from a server or a local checkpoint."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from autorater.assessment import Declined, Failed, Measured, Outcome
from autorater.errors import SpecialistError
from autorater.toolbox import View
from autorater_tools._chat_server import ChatServer

QUESTION = "Describe the aesthetic experience of this image in detail."
"""As published; the same for every image."""
KEY = "AUTORATER_AESEXPERT_KEY"
CALLS = 4
"""Calls of a server at the same time."""


class Aesexpert:
    """AesExpert (Huang et al., ACM MM 2024): `weights/model` with the tower `weights/clip`, or a server."""

    def __init__(
        self,
        *,
        weights: Path | None = None,
        device: str = "cpu",
        server: str = "",
        model: str = "",
        max_words: int = 120,
    ) -> None:
        if max_words < 10:
            raise SpecialistError(f"aesexpert.max_words: expected at least 10, got {max_words}")
        self.most = max_words
        self.server = ChatServer(server, model, key=os.environ.get(KEY, ""), variable=KEY) if server else None
        self.local = None
        if self.server is None:
            if weights is None:
                raise SpecialistError("aesexpert needs a local checkpoint or the address of a server")
            from autorater_tools._llava_original import OriginalLlava

            self.local = OriginalLlava(weights / "model", weights / "clip", device=device)

    def __call__(self, views: Sequence[View], /) -> list[Outcome]:
        """One outcome per view, in order; no image's text depends on the others."""
        tokens = 2 * self.most  # a word has less than two tokens on average
        if self.local is not None:
            from autorater_tools._checkpoints import in_batches

            local = self.local
            images = [view.image.rgb() for view in views]
            texts = in_batches(images, lambda some: local.write(some, QUESTION, tokens=tokens), size=8)
            return [self.told(text) for text in texts]
        with ThreadPoolExecutor(max_workers=CALLS) as pool:
            return list(pool.map(self.asked, views))

    def asked(self, view: View) -> Outcome:
        """What the server says of one image, with the name of the model that said it."""
        assert self.server is not None
        try:
            text, author = self.server.write(view.image, QUESTION, tokens=2 * self.most)
        except SpecialistError as error:
            return Failed(error=str(error))
        return self.told(text, author=author)

    def told(self, text: str, *, author: str = "") -> Outcome:
        """The text, cut to `max_words`; declined when nothing is said."""
        if not text.strip():
            return Declined(reason="the model said nothing")
        short = cut(text, self.most)
        return Measured(text=f"{short} (written by {author})" if author else short)


def cut(text: str, words: int) -> str:
    """The first `words` words, up to the last whole sentence when that is at least half of them."""
    parts = text.split()
    if len(parts) <= words:
        return " ".join(parts)
    short = " ".join(parts[:words])
    ends = [match.end() for match in re.finditer(r"[.!?](?=\s)", short + " ")]
    if ends and len(short[: ends[-1]].split()) >= words / 2:
        return short[: ends[-1]]
    return f"{short} …"
