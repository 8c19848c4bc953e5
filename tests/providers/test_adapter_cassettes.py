"""The cassettes: replayed offline to the same outcome, strict about the question, without secrets, small, all used."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from questions import comparison, rating
from recordings import CASSETTES, MAX_BYTES, SCENES, Scene, outcomes, record, replay
from vcr.errors import (  # pyright: ignore[reportMissingTypeStubs]
    CannotOverwriteExistingCassetteException,
)
from wire_answers import LOOK, WRITERS, calling, good
from wire_server import Answer, WireServer

from autorater.model import Sampling

FOLDERS = [folder for folder in (CASSETTES / "synthetic", CASSETTES / "recorded") if folder.is_dir()]
FILES = [file for folder in FOLDERS for file in sorted(folder.glob("*.yaml"))]
SECRETS = re.compile(
    r"authorization|bearer|cookie|api[-_]?key|secret|dummy-key|organization|sk-[\w-]{8,}|AIza[\w-]{20,}|127\.0\.0\.1"
    r"|/home/|/Users/|/root/",
    re.I,
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
async def test_a_replay_gives_what_was_recorded(file: Path) -> None:
    assert await replay(SCENES[file.stem], file.parent) == outcomes(file.parent)[file.stem]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_cassette_is_without_a_scene_or_an_outcome(folder: Path) -> None:
    recorded = {file.stem for file in folder.glob("*.yaml")}
    assert recorded == set(outcomes(folder))
    assert recorded <= set(SCENES)


def test_every_scene_is_on_a_synthetic_cassette() -> None:
    assert {file.stem for file in FILES if file.parent.name == "synthetic"} == set(SCENES)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_secret_and_nothing_large_is_on_a_cassette(folder: Path) -> None:
    for file in folder.iterdir():
        text = file.read_text("utf-8")
        assert SECRETS.findall(text) == [], file.name
        assert not re.search(r"[A-Za-z0-9+/]{200,}", text), f"{file.name}: a picture is not folded"
        assert file.stat().st_size <= MAX_BYTES, file.name


def test_the_search_for_secrets_finds_them() -> None:
    for secret in ("Authorization: Bearer x", "x-api-key: 1", "sk-proj-abcdefgh12345678", "AIza" + "x" * 35):
        assert SECRETS.search(secret)


LIVE = [scene for scene in SCENES.values() if scene.question is not None and scene.name.endswith("-rating")]


@pytest.mark.parametrize("scene", LIVE, ids=lambda scene: scene.provider)
async def test_recording_leaves_secrets_and_pictures_out(scene: Scene, tmp_path: Path) -> None:
    proper = good(scene.provider)
    secretive = {"set-cookie": "session=secret-session", "openai-organization": "secret-organization"}
    answer = replace(proper, headers=proper.headers | secretive)
    made = await record(replace(scene, answers=(answer,)), tmp_path)
    text = (tmp_path / f"{scene.name}.yaml").read_text("utf-8")
    assert "sha256:" in text
    assert "iVBOR" not in text
    assert SECRETS.findall(text) == []
    assert await replay(scene, tmp_path) == made


@pytest.mark.parametrize("provider", WRITERS)
async def test_what_a_model_thought_is_folded_and_still_goes_back(provider: str, tmp_path: Path) -> None:
    scene, thought = SCENES[f"{provider}-tools"], "dGhvdWdodA" * 30
    made = await record(
        replace(scene, answers=(calling(provider, *LOOK, opaque=thought), *scene.answers[1:])), tmp_path
    )
    text = (tmp_path / f"{scene.name}.yaml").read_text("utf-8")
    assert not re.search(r"[A-Za-z0-9+/]{200,}", text)
    assert await replay(scene, tmp_path) == made


@pytest.mark.parametrize("scene", LIVE, ids=lambda scene: scene.provider)
async def test_another_question_is_not_answered(scene: Scene) -> None:
    """A change of the request is a miss that comes out at once and as it is, whatever the SDK wraps it in."""
    for changed in (comparison, lambda: rating(Sampling(max_output_tokens=301))):
        if changed is not comparison and scene.provider.endswith("decisions"):
            continue  # they take no sampling
        with pytest.raises(CannotOverwriteExistingCassetteException):
            await replay(replace(scene, question=changed), CASSETTES / "synthetic")


async def test_a_replay_reaches_for_no_network(server: WireServer) -> None:
    server.then(Answer({}, status=500))
    await replay(SCENES["openai-rating"], CASSETTES / "synthetic")
    assert server.received == []
