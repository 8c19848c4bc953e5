"""The scenes on the cassettes, how they are played and how they are recorded (vcrpy; see cassettes/README.md).

A scene is one question to one adapter, or one direct call of an SDK's synchronous client for a fact of the wire that
we rely on. What came of it is kept beside the cassettes, in `outcomes.json`, and a replay must give it again.
"""

import argparse
import asyncio
import hashlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import vcr  # pyright: ignore[reportMissingTypeStubs]
from questions import comparison, judged, looked, looking, rating, repaired
from sync_calls import SYNC_CALLS
from vcr.record_mode import RecordMode  # pyright: ignore[reportMissingTypeStubs]
from wire_answers import (
    DECIDERS,
    LOOK,
    MODELS,
    WRITERS,
    blocked,
    calling,
    connect,
    decided,
    failed,
    message,
    refused,
    written,
)
from wire_server import Answer, WireServer

from autorater.errors import ProviderError, RateLimited, Unavailable
from autorater.model import Model, Question, Reply, open_model

CASSETTES = Path(__file__).parents[2] / "cassettes"
NOWHERE = "http://provider.invalid"
"""Where the adapters point in a replay: nothing answers there."""
MAX_BYTES = 64 * 1024

_REQUEST_HEADERS = {"content-type", "anthropic-version"}
_RESPONSE_HEADERS = {"content-type", "x-request-id", "request-id", "retry-after", "retry-after-ms"}
_OPAQUE = {"encrypted_content", "signature", "thoughtSignature"}
"""Fields that hold what a model thought, unread and long."""
_DATA_URL = re.compile(r"^data:([\w/+.-]+);base64,(.*)$", re.S)


@dataclass(frozen=True)
class Scene:
    """`answers` are what the scripted server says; `live` is whether a real provider can be asked the same.

    `then` are the questions that follow the answer to the first.
    """

    name: str
    provider: str
    question: Callable[[], Question] | None
    answers: tuple[Answer, ...]
    live: bool = True
    then: tuple[Callable[[Reply], Question], ...] = ()


def _scenes() -> list[Scene]:
    scenes: list[Scene] = []
    for provider in WRITERS:
        live = provider != "compatible"
        better = '{"rationale": "Only the first is red.", "preference": "image_1"}'
        slow = failed(provider, 429, "Slow down.", headers={"retry-after": "3"})
        scenes += [
            Scene(f"{provider}-rating", provider, rating, (written(provider),), live),
            Scene(f"{provider}-comparison", provider, comparison, (written(provider, better),), live),
            Scene(f"{provider}-repair", provider, repaired, (written(provider),), live),
            Scene(f"{provider}-refusal", provider, rating, (refused(provider),), live=False),
            Scene(f"{provider}-rate-limited", provider, rating, (slow,), live=False),
            Scene(
                f"{provider}-tools",
                provider,
                looking,
                (calling(provider, *LOOK), written(provider, "I have seen enough."), written(provider)),
                live,
                then=(looked, judged),
            ),
        ]
    for provider in DECIDERS:
        scenes += [
            Scene(f"{provider}-rating", provider, rating, (decided(provider),)),
            Scene(f"{provider}-comparison", provider, comparison, (decided(provider, "choice"),)),
        ]
    plain = "A red square."
    scenes += [
        Scene("openai-sync", "openai", None, (written("openai", plain),)),
        Scene("anthropic-sync", "anthropic", None, (message(plain),)),
        Scene("google-sync", "google", None, (written("google", plain),)),
        Scene("google-sync-blocked", "google", None, (blocked(),), live=False),
    ]
    return scenes


SCENES = {scene.name: scene for scene in _scenes()}


def recorder(mode: str) -> Any:
    """vcrpy with the rules of the house: images folded, headers by allow-list, hosts left out."""
    return vcr.VCR(
        record_mode=RecordMode(mode),
        match_on=("method", "path", "query", "body"),
        before_record_request=fold_request,
        before_record_response=fold_response,
        decode_compressed_response=True,
    )


def fold_request(request: Any) -> Any:
    """What is kept of a request, and compared in a replay: no host, no key, every picture as its sha256.

    vcrpy folds the stored request once more when it loads it, so folding twice must be folding once.
    """
    kept = {name: value for name, value in dict(request.headers).items() if name.lower() in _REQUEST_HEADERS}
    request.headers = {name.lower(): _text(value) for name, value in sorted(kept.items())}
    path, _, query = request.uri.partition("://")[2].partition("/")[2].partition("?")
    left = "&".join(part for part in query.split("&") if part and not part.startswith("key="))
    request.uri = f"{NOWHERE}/{path}" + (f"?{left}" if left else "")
    if request.body:
        request.body = json.dumps(_fold(json.loads(request.body)), ensure_ascii=False)
    return request


def fold_response(response: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a response: what a model thought is folded as in the request that brings it back."""
    headers = {name.lower(): value for name, value in response["headers"].items()}
    kept = {name: headers[name] for name in sorted(headers) if name in _RESPONSE_HEADERS}
    body = response["body"]["string"]
    try:
        whole = json.loads(body)
    except ValueError:
        return response | {"headers": kept}
    folded = _fold(whole)
    if folded != whole:
        body = json.dumps(folded, ensure_ascii=False).encode()
    return response | {"headers": kept, "body": {"string": body}}


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _fold(value: Any) -> Any:
    if isinstance(value, list):
        return [_fold(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        folded = {key: _fold(item) for key, item in cast("dict[str, Any]", value).items()}
        data = folded.get("data")
        if isinstance(data, str) and len(data) > 64 and not data.startswith("sha256:"):
            folded["data"] = _digest(data)
        for key in _OPAQUE & folded.keys():
            opaque = folded[key]
            if isinstance(opaque, str) and len(opaque) > 80 and not opaque.startswith("sha256:"):
                folded[key] = _digest(opaque)
        return folded
    match = _DATA_URL.match(value) if isinstance(value, str) else None
    return f"data:{match[1]};{_digest(match[2])}" if match else value


def _digest(data: str) -> str:
    return "sha256:" + hashlib.sha256(data.encode()).hexdigest()


async def play(scene: Scene, url: str = NOWHERE) -> dict[str, Any]:
    """Make the scene's call; what came of it, without the raw answer."""
    if scene.question is None:
        return SYNC_CALLS[scene.name](url)
    model = _open(scene, url)
    try:
        first = await model.ask(scene.question())
        outcome = _outcome(first)
        later = [_outcome(await model.ask(question(first))) for question in scene.then]
        return outcome | {"then": later} if later else outcome
    except ProviderError as error:
        told = error.retry_after if isinstance(error, RateLimited | Unavailable) else None
        words = str(error).replace(url, NOWHERE)
        return {"error": type(error).__name__, "status": error.status, "retry_after": told, "message": words}
    finally:
        await cast(Any, model).close()


def _outcome(reply: Reply) -> dict[str, Any]:
    """All but the raw answer and what in it is folded on the cassette."""
    return reply.model_dump(mode="json", exclude={"raw": True, "batch": True, "calls": {"__all__": {"signature"}}})


def _open(scene: Scene, url: str) -> Model:
    if url:
        native = {"native_tools": True} if scene.then and scene.provider == "compatible" else {}
        return connect(scene.provider, url, **native)
    return open_model(f"{scene.provider}:{MODELS[scene.provider]}")  # the real address, and the key in the environment


async def record(scene: Scene, folder: Path, *, live: bool = False) -> dict[str, Any]:
    """Record a scene anew into `folder`, from the scripted server or (`live`) from the provider."""
    cassette = folder / f"{scene.name}.yaml"
    cassette.unlink(missing_ok=True)
    with WireServer() as server:
        server.then(*scene.answers)
        with recorder("all").use_cassette(str(cassette)):
            return await play(scene, "" if live else server.url)


async def replay(scene: Scene, folder: Path) -> dict[str, Any]:
    """Play a scene from its cassette alone.

    Raises:
        CannotOverwriteExistingCassetteException: the request differs from the recorded one.

    """
    with recorder("none").use_cassette(str(folder / f"{scene.name}.yaml")) as cassette:
        outcome = await play(scene)
        assert cassette.all_played, f"{scene.name}: a recorded call was not made"
    return outcome


def outcomes(folder: Path) -> dict[str, Any]:
    """What came of each recorded scene."""
    file = folder / "outcomes.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def keep_outcomes(folder: Path, found: dict[str, Any]) -> None:
    """Write `outcomes.json`."""
    text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "outcomes.json").write_text(text + "\n", "utf-8")


async def record_all(providers: list[str]) -> None:
    """Record every scene of `providers` that can be asked live, or with "synthetic" all from the scripted server."""
    live = providers != ["synthetic"]
    folder = CASSETTES / ("recorded" if live else "synthetic")
    folder.mkdir(exist_ok=True)
    found = outcomes(folder) if live else {}
    for scene in SCENES.values():
        if not live or (scene.live and scene.provider in providers):
            found[scene.name] = await record(scene, folder, live=live)
            sys.stdout.write(f"{scene.name}: {found[scene.name].get('text') or found[scene.name]}\n")
    keep_outcomes(folder, found)
    if live:
        sys.stdout.write("Now read the changes (git diff cassettes/recorded), then run: pytest tests/providers\n")


def main() -> None:
    """The command behind `python cassettes/record.py`."""
    live = sorted({scene.provider for scene in SCENES.values() if scene.live})
    parser = argparse.ArgumentParser(
        prog="python cassettes/record.py", description="Record the cassettes of the adapters (see cassettes/README.md)."
    )
    parser.add_argument(
        "providers", nargs="+", choices=["synthetic", *live], help="synthetic: from the scripted server, without keys"
    )
    asyncio.run(record_all(parser.parse_args().providers))
