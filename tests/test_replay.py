"""Replay: every kind of judgment again from its log alone, the same to the byte."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from scripted import ScriptedModel, answer

from autorater import AutoRater, Judgment, Sampling, make_request
from autorater.errors import ProviderError, RecordError, ReplayMiss, Unavailable
from autorater.image import Fit, Picture, open_picture
from autorater.model import Capability, Question, Reply, Token, Usage
from autorater.replay import replay
from autorater.retrying import Retries
from autorater.runlog import RunLog

PROMPT = "a harbour at dusk\nwith <<<marks>>> and {{ braces }}"


def picture(shade: int) -> Picture:
    image = Image.linear_gradient("L").resize((48, 40)).convert("RGB")
    return open_picture(Image.blend(image, Image.new("RGB", image.size, (shade, 90, 20)), 0.5))


def refuse(question: Question) -> Reply:
    return Reply(text="", finish="refusal", refusal="not this one", usage=Usage(input=9))


def cut(question: Question) -> Reply:
    return Reply(text=answer(question)[:40], finish="length")


def mend(question: Question) -> str:
    """Nonsense first, an answer in the repair turn."""
    return answer(question) if len(question.conversation.turns) > 1 else "I think that image 1 is better."


def choose(question: Question) -> str:
    if question.schema_name == "selection":
        return json.dumps({"reason": "colours", "specialists": ["colour", "sharpness", "unheard_of"]})
    return answer(question, citations=[{"assessment": "E1", "quote": "17"}, {"assessment": "E99", "quote": "x"}])


def choose_nothing(question: Question) -> str | Exception:
    return Unavailable("down") if question.schema_name == "selection" else answer(question)


def by_order(question: Question) -> str:
    """Always the first image that is shown, so that the orders conflict."""
    last = {"preference": "image_1"} if question.schema_name == "comparison" else {}
    return answer(question, **last)


def with_chances(question: Question) -> Reply:
    tokens = (Token(text='{"score": ', logprob=0.0), Token(text="5", logprob=-0.1, top={"5": -0.1, "6": -2.4}))
    return Reply(text=answer(question), finish="stop", tokens=tokens, probabilities={"5": 0.5, "7": 0.5})


Script = Callable[[Question], Any]
SCRIPTS: dict[str, Script] = {
    "answers": answer,
    "by_order": by_order,
    "refusals": refuse,
    "cut": cut,
    "repaired": mend,
    "nonsense": lambda question: "no JSON",
    "unavailable": lambda question: Unavailable("overloaded"),
    "bad_request": lambda question: ProviderError("too large", status=413),
    "logprobs": with_chances,
}


def judge_all_kinds(judge: AutoRater) -> list[Judgment]:
    """One judgment of every task, generations and edits."""
    one, two, three = picture(10), picture(120), picture(250)
    return [
        judge.rate(one, prompt=PROMPT, id="rated"),
        judge.compare(one, two, prompt=PROMPT),
        judge.check(two, prompt=PROMPT),
        judge.rank([one, two, three], prompt=PROMPT, id="ranked"),
        judge.compare(one, two, prompt="make it dark", source=three, id="edited"),
        judge.rate(one, prompt="merge them", source=[two, three], id="merged"),
    ]


def check_replay(folder: Path, given: list[Judgment]) -> None:
    found = list(replay(folder))
    assert [item.judgment for item in found] == given
    assert [item.recorded for item in found] == given
    assert all(item.identical for item in found)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_task_replays_identical(tmp_path: Path, script: str) -> None:
    model = ScriptedModel(SCRIPTS[script])
    with AutoRater(model, tools="none", log=tmp_path, retries=Retries(attempts=1)) as judge:
        given = judge_all_kinds(judge)
    assert model.asked
    check_replay(tmp_path, given)


@pytest.mark.parametrize(
    "told",
    [
        {"tools": "auto"},
        {"tools": ["colour", "exposure", "pixel_change"]},
        {"tools": "none", "samples": 3},
        {"tools": "none", "order": "random"},
        {"tools": "none", "order": "given", "protocol": "autorater-paper"},
        {"tools": "none", "sampling": Sampling(temperature=0.7, seed=3, effort="high", max_output_tokens=99)},
        {"tools": "none", "scorer": ScriptedModel(with_chances, name="scripted:scorer")},
    ],
    ids=lambda told: "-".join(f"{name}={value}" for name, value in told.items() if isinstance(value, (str, int))),
)
def test_every_setting_replays_identical(tmp_path: Path, told: dict[str, Any]) -> None:
    model = ScriptedModel(choose, capability=Capability(fit=Fit(max_side=32), temperature=False))
    with AutoRater(model, log=tmp_path, cache=False, **told) as judge:
        given = judge_all_kinds(judge)
    check_replay(tmp_path, given)


def test_a_choice_that_failed_replays_identical(tmp_path: Path) -> None:
    with AutoRater(ScriptedModel(choose_nothing), log=tmp_path, retries=Retries(attempts=1)) as judge:
        given = [judge.rate(picture(1), prompt=PROMPT)]
    assert given[0].warnings
    check_replay(tmp_path, given)


def test_the_embedded_judge_replays_identical(tmp_path: Path) -> None:
    with AutoRater(log=tmp_path) as judge:
        given = [
            judge.compare(picture(10), picture(200), prompt=PROMPT),
            judge.rate(picture(10), prompt=PROMPT),
            judge.compare(picture(10), picture(200), prompt="darker", source=picture(90)),
        ]
    assert all(item.assessments for item in given)
    check_replay(tmp_path, given)


def test_the_last_judgment_of_an_item_counts(tmp_path: Path) -> None:
    down = ScriptedModel(SCRIPTS["unavailable"])
    with AutoRater(down, tools="none", log=tmp_path, retries=Retries(attempts=1)) as judge:
        assert judge.rate(picture(1), prompt=PROMPT).outcome == "unreachable"
    with AutoRater(ScriptedModel(), tools="none", log=tmp_path) as judge:
        given = judge.rate(picture(1), prompt=PROMPT)
    assert given.outcome == "scored"
    check_replay(tmp_path, [given])


def test_what_was_not_judged_is_left_out_and_what_is_torn_too(tmp_path: Path) -> None:
    with AutoRater(ScriptedModel(), tools="none", log=tmp_path) as judge:
        given = [judge.rate(picture(shade), prompt=PROMPT) for shade in range(3)]
    path = tmp_path / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    check_replay(tmp_path, given[:2])


def test_more_items_than_one_step_replay_in_order_and_may_be_left_early(tmp_path: Path) -> None:
    with AutoRater(ScriptedModel(), tools="none", log=tmp_path) as judge:
        requests = [make_request([picture(1)], prompt=f"{n}", task="rate", id=f"{n}") for n in range(150)]
        list(judge.judge_many(requests, concurrency=1))
    assert [item.judgment.id for item in replay(tmp_path)] == [f"{n}" for n in range(150)]
    some = replay(tmp_path)
    assert next(iter(some)).judgment.id == "0"
    some.close()  # type: ignore[attr-defined]


def test_a_log_of_two_joined_ones_replays_each_item_once(tmp_path: Path) -> None:
    for folder, shades in (("one", (1, 2)), ("two", (2, 3))):
        with AutoRater(ScriptedModel(), tools="none", log=tmp_path / folder) as judge:
            for shade in shades:
                judge.rate(picture(shade), prompt=PROMPT, id=str(shade))
    whole = (tmp_path / "one" / "events.jsonl").read_bytes() + (tmp_path / "two" / "events.jsonl").read_bytes()
    (tmp_path / "one" / "events.jsonl").write_bytes(whole)
    found = list(replay(tmp_path / "one"))
    assert sorted(item.judgment.id for item in found) == ["1", "2", "3"]
    assert all(item.identical for item in found)


def test_a_run_resumed_by_another_version_replays_identical(tmp_path: Path) -> None:
    with AutoRater(ScriptedModel(), tools="none", log=tmp_path) as judge:
        judge.rate(picture(1), prompt=PROMPT)
        version = judge.loop.version
    edit(tmp_path, "judged", f'"autorater":"{version}"', '"autorater":"9.9.9"')
    assert [item.identical for item in replay(tmp_path)] == [True]


# What has changed since -----------------------------------------------------------------------------------------------


def recorded(folder: Path) -> Path:
    with AutoRater(ScriptedModel(), tools="none", log=folder) as judge:
        judge.compare(picture(10), picture(20), prompt="a cat")
    return folder


def edit(folder: Path, kind: str, old: str, new: str) -> None:
    """Replace in the lines of one kind."""
    path = folder / "events.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [line.replace(old, new) if line.startswith(f'{{"kind":"{kind}"') else line for line in lines]
    assert changed != lines
    path.write_text("".join(changed), encoding="utf-8")


def test_a_replay_that_differs_says_so(tmp_path: Path) -> None:
    edit(recorded(tmp_path), "judged", '"cost":null', '"cost":17.0')
    (item,) = replay(tmp_path)
    assert not item.identical
    assert item.recorded.cost == 17.0
    assert item.judgment.cost is None


def test_a_changed_prompt_is_a_miss_that_names_the_nearest_call(tmp_path: Path) -> None:
    edit(recorded(tmp_path), "requested", '"prompt":"a cat"', '"prompt":"a dog"')
    with pytest.raises(ReplayMiss, match=r"of scripted:one; the nearest of 2 is \w{12}, which differs in turns"):
        list(replay(tmp_path))


def test_a_changed_image_is_a_miss_that_names_both(tmp_path: Path) -> None:
    old, new = picture(10).sha256, picture(99).sha256
    edit(recorded(tmp_path), "requested", old, new)
    with pytest.raises(ReplayMiss, match=rf"turns\[0\]\.parts\[1\]\.image: recorded '{old[:20]}.*asked '{new[:20]}"):
        list(replay(tmp_path))


def test_a_changed_setting_is_a_miss_that_names_it(tmp_path: Path) -> None:
    edit(recorded(tmp_path), "started", '"samples":1', '"samples":2')
    with pytest.raises(ReplayMiss, match="sample: recorded 0, asked 1"):
        list(replay(tmp_path))


def test_a_changed_prompt_file_is_refused_before_anything_is_judged(tmp_path: Path) -> None:
    with RunLog(recorded(tmp_path)) as log:
        digest = next(iter(json.loads(next(log.lines("started")))["settings"]["prompts"].values()))
    edit(tmp_path, "started", digest, "0" * 64)
    with pytest.raises(ReplayMiss, match=r"judges otherwise than the one that made the log \(prompts: "):
        list(replay(tmp_path))


def test_what_came_before_a_miss_is_given(tmp_path: Path) -> None:
    with AutoRater(ScriptedModel(), tools="none", log=tmp_path) as judge:
        judge.rate(picture(1), prompt="a cat")
        judge.rate(picture(1), prompt="a dog")
    edit(tmp_path, "requested", '"prompt":"a dog"', '"prompt":"a cow"')
    found = replay(tmp_path)
    assert next(found).identical
    with pytest.raises(ReplayMiss):
        next(found)


def test_a_folder_without_a_run_is_said(tmp_path: Path) -> None:
    RunLog(tmp_path, write=True).close()
    with pytest.raises(RecordError, match="holds no run"):
        list(replay(tmp_path))


# With nothing but the log ---------------------------------------------------------------------------------------------

ALONE = """
    import sys

    FORBIDDEN = ("torch", "onnxruntime", "cv2", "openai", "anthropic", "google", "transformers", "rapidocr", "skimage")

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in FORBIDDEN or name.startswith("autorater_tools."):
                raise ImportError(f"a replay imports {name}")

    def watch(event, arguments):
        if event == "socket.getaddrinfo" or (event == "socket.connect" and arguments[1][0] != "127.0.0.1"):
            raise OSError(f"a replay uses the network: {arguments}")

    sys.meta_path.insert(0, Refuse())
    sys.addaudithook(watch)
    from autorater.cli import main
    main(["replay", sys.argv[1], "--json"])
"""


def test_a_replay_needs_no_network_no_key_no_provider_and_no_specialist(tmp_path: Path) -> None:
    with AutoRater(ScriptedModel(choose), log=tmp_path / "vlm") as judge:
        judge.compare(picture(10), picture(200), prompt=PROMPT)
    with AutoRater(log=tmp_path / "embedded") as judge:
        judge.compare(picture(10), picture(200), prompt=PROMPT)
    for folder in ("vlm", "embedded"):
        command = [sys.executable, "-c", textwrap.dedent(ALONE), str(tmp_path / folder)]
        told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert told.returncode == 0, told.stderr
        summary = json.loads(told.stdout)
        assert (summary["items"], summary["identical"], summary["differing"]) == (1, 1, [])
        assert summary["recorded_calls"] > 2
