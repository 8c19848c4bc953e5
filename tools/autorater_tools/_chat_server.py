"""One question about an image to a server that speaks OpenAI's Chat Completions, by the standard library alone."""

import json
import urllib.error
import urllib.request
from typing import Any, cast

from autorater.errors import SpecialistError
from autorater.image import Fit, Picture, fit

LIMITS = Fit(max_side=2048, max_pixels=2**22, max_bytes=16 * 2**20)
MOST = 4 * 2**20
"""Bytes of an answer at most."""
_ADVICE = {
    401: "check the key in {key}",
    403: "the key in {key} may not use this model",
    404: "check the address and the model's name",
    413: "the request is too large for it",
    429: "too many calls",
}


class ChatServer:
    """A server by its address (`http://host:port/v1`) and the name of a model there. `seconds` of silence are allowed.

    Raises:
        SpecialistError: the address is none.

    """

    def __init__(self, address: str, model: str, *, key: str = "", variable: str = "", seconds: float = 300.0) -> None:
        if not address.startswith(("http://", "https://")):
            raise SpecialistError(f"expected an address as http://host:port/v1, got {address!r}")
        self.url = address.rstrip("/") + "/chat/completions"
        self.model = model
        self.key = key
        self.variable = variable
        self.seconds = seconds

    def write(self, picture: Picture, question: str, *, tokens: int) -> tuple[str, str]:
        """The answer and the model that the server says wrote it.

        Raises:
            SpecialistError: no answer, an HTTP error, or an answer without text; says which and what to do.

        """
        sent = fit(picture, LIMITS)
        image = {"type": "image_url", "image_url": {"url": f"data:{sent.media_type};base64,{sent.base64()}"}}
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": [image, {"type": "text", "text": question}]}],
            "max_tokens": tokens,
            "temperature": 0,
        }
        if self.model:
            body["model"] = self.model
        answer = self._post(json.dumps(body).encode())
        try:
            text = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            text = None
        if not isinstance(text, str) or not text.strip():
            raise SpecialistError(f"{self.url}: the answer holds no text: choose a model that can see images")
        return text.strip(), str(answer.get("model") or self.model or "unnamed")

    def _post(self, body: bytes) -> dict[str, Any]:
        request = urllib.request.Request(self.url, data=body, headers={"Content-Type": "application/json"})
        if self.key:  # which no redirect may carry elsewhere
            request.add_unredirected_header("Authorization", f"Bearer {self.key}")
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as response:
                content = response.read(MOST)
        except urllib.error.HTTPError as error:
            with error:
                told = " ".join(error.read(2000).decode("utf-8", "replace").split())[:200]
            advice = _ADVICE.get(error.code, "see the server's log").format(key=self.variable)
            raise SpecialistError(f"{self.url}: HTTP {error.code}: {told}: {advice}") from error
        except OSError as error:  # URLError and timeouts
            raise SpecialistError(f"{self.url}: no answer ({error}): is the server running?") from error
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise SpecialistError(f"{self.url}: expected a JSON object, got {content[:60]!r}: is this a chat server?")
        return cast("dict[str, Any]", answer)
