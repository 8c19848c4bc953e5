"""Bad input through the command line: one row a kind, with the part of the message that helps, and the exit status.

A message is one line that says what was expected, what came, and what to do.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import run
from pictures import png
from small_server import SmallServer, filled, says

from autorater.request import MAX_PROMPT
from autorater.runlog import RunLog

FOX = ("--prompt", "a red fox")
RATE = ("rate", "a.png", *FOX)
COMPARE = ("compare", "a.png", "b.png", *FOX)


def claiming(side: int) -> bytes:
    """A PNG of a few bytes that claims any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def checklist(items: str) -> str:
    return f"---\nname: mine\nitems:\n{items}---\n"


FILES: dict[str, bytes | str] = {
    "a.png": png(0),
    "b.png": png(1),
    "cut.png": png(2)[:-40],
    "text.png": "I am no image",
    "empty.png": b"",
    "huge.png": claiming(40_000),
    "zero.png": claiming(0),
    "broken.md": "name: no front matter\n",
    "cycle.md": checklist("  - {id: a, text: A, depends_on: [b]}\n  - {id: b, text: B, depends_on: [a]}\n"),
    "orphan.md": checklist("  - {id: a, text: A, depends_on: [nobody]}\n"),
    "none.jsonl": "no JSON\n",
    "binary.jsonl": b"\xff\xfe\x00",
    "fields.jsonl": '{"prompt": "a fox", "picture": "a.png"}\n',
    "good.jsonl": '{"prompt": "a fox", "image": "a.png"}\n',
}


@dataclass(frozen=True)
class Row:
    """A call, what its message says, and how it ends."""

    call: tuple[str, ...]
    message: str
    status: int = 2
    kind: str = "UsageError"


def image(name: str, message: str) -> Row:
    return Row(("rate", name, *FOX), message, kind="ImageError")


ROWS = {
    # images
    "missing file": image("gone.png", "no image at 'gone.png': check the path"),
    "folder": image(".", "expected an image file, '.' is a folder: name one file in it"),
    "truncated": image("cut.png", "cut.png is truncated or broken (image file is truncated): save or download"),
    "text as image": image("text.png", "text.png is not an image that can be read (it starts with b'I am no"),
    "zero bytes": image("empty.png", "expected an image in empty.png, found 0 bytes: the file is empty; save it again"),
    "no pixels": image("zero.png", "zero.png is not an image that can be read"),
    "huge": image("huge.png", "huge.png claims too many pixels to decode safely"),
    "broken data URL": image("data:image/png;base64,!!!", "the data: URL is not valid base64"),
    "URL": Row(
        ("rate", "https://example.org/a.png", *FOX), "nothing is downloaded unasked: pass allow_urls=True (--allow"
    ),
    "missing source": Row((*RATE, "--source", "gone.png"), "no image at 'gone.png': check the path", kind="ImageError"),
    # prompts
    "empty prompt": Row(
        ("rate", "a.png", "--prompt", " "), "the prompt is empty: give the text that the image was made"
    ),
    "long prompt": Row(
        ("rate", "a.png", "--prompt", "x" * (MAX_PROMPT + 1)),
        f"the prompt has {MAX_PROMPT + 1} characters; at most {MAX_PROMPT} are judged: shorten it",
    ),
    "prompt of bad bytes": Row(
        ("rate", "a.png", "--prompt", "a\udcff"), "is not valid Unicode at character 1: give it as"
    ),
    # models
    "no provider": Row(
        (*RATE, "--model", "gpt-6"), "expected a model as provider:model (openai:gpt-6.1-terra) or 'embedd"
    ),
    "unknown provider": Row(
        (*RATE, "--model", "opnai:gpt-6"), "unknown provider 'opnai' in 'opnai:gpt-6'; did you mean 'op"
    ),
    "no key": Row((*RATE, "--model", "openai:gpt-6.1-terra"), "OPENAI_API_KEY"),
    "no key either": Row((*RATE, "--model", "anthropic:claude-sonnet-5-5"), "ANTHROPIC_API_KEY"),
    "no address": Row((*RATE, "--model", "compatible:localhost#m"), "http://"),
    "keyword of a provider": Row(
        (*RATE, "--base-url", "http://x"), "the embedded judge takes no base_url: name a VLM with"
    ),
    "checklist without VLM": Row(
        (*RATE, "--checklist", "gone.md"), "the embedded judge takes no checklist: name a VLM"
    ),
    "check without VLM": Row(("check", "a.png", *FOX), "a checklist is answered by a VLM: name one with --model"),
    "unknown criterion": Row((*RATE, "--criterion", "beauty"), "the embedded judge decides by one of overall, "),
    # specialists
    "unknown specialist": Row(
        (*RATE, "--tools", "sharpnes"), "no specialist is called 'sharpnes'; did you mean 'sharpness'"
    ),
    "no specialist": Row(
        (*RATE, "--tools", ","), "no specialist is named: give all, auto, agent, none, or names separated by"
    ),
    "an agent without VLM": Row(
        (*RATE, "--tools", "agent"), "the embedded judge has none: name one with --model, or choose --tools all"
    ),
    "limits without an agent": Row(
        (*RATE, "--agent-limits", "steps=2"), "the agent's limits are for --tools agent: leave them out, or choose it"
    ),
    "bad limits": Row(
        (*RATE, "--tools", "agent", "--agent-limits", "steps=0"), "--agent-limits: steps: input should be"
    ),
    "bound by licence": Row((*RATE, "--tools", "perceptual_similarity,nothing"), "no specialist is called 'nothing'"),
    # options
    "bad order": Row(
        (*COMPARE, "--order", "backwards"), "order: input should be 'both', 'random' or 'given', got 'backw"
    ),
    "bad protocol": Row(
        (*COMPARE, "--protocol", "mine"), "protocol: input should be 'autorater' or 'autorater-paper', go"
    ),
    "bad price": Row(
        (*RATE, "--price", "cheap"), "--price is INPUT,OUTPUT in US dollars per million tokens, as in 1,5; got "
    ),
    "negative price": Row((*RATE, "--price", "-1,5"), "--price is INPUT,OUTPUT"),
    "price that is no number": Row((*RATE, "--price", "nan,5"), "--price is INPUT,OUTPUT"),
    "half a price": Row((*RATE, "--price", "1"), "--price is INPUT,OUTPUT"),
    "limit below nought": Row(
        (*RATE, "--max-cost", "-1"), "a limit on money is an amount of US dollars from 0 up, got -1"
    ),
    "limit that is no number": Row((*RATE, "--max-cost", "nan"), "from 0 up, got nan"),
    "limit without price": Row(
        (*RATE, "--model", "compatible:http://127.0.0.1:1/v1#m", "--max-cost", "1"),
        "is not known, so a limit on money cannot be kept: give it in US dollars for a million tokens in and "
        "out by --price 1,5 (in Python: price=Price(",
    ),
    "bad temperature": Row(
        (*RATE, "--model", "compatible:http://127.0.0.1:1/v1#m", "--temperature", "nan"),
        "--temperature is a number from 0 up, as in 0.7; got nan",
    ),
    "samples": Row((*RATE, "--samples", "0"), "Invalid value for '--samples'"),
    "report in no folder": Row(
        (*RATE, "--report", "gone/report.html"),
        "--report names a file to write, but 'gone/report.html' is in the folder 'gone', which does not exist: choose",
    ),
    "report is a folder": Row(
        (*RATE, "--report", "."), "--report names a file to write, but '.' is a folder: choose another"
    ),
    "one image to compare": Row(("compare", "a.png", *FOX), "Missing argument 'b'"),
    "one image to rank": Row(("rank", "a.png", *FOX), "rank takes 2 to 26 candidate images, got 1"),
    # items
    "items missing": Row(
        ("run", "gone.jsonl"), "cannot read the items from 'gone.jsonl': No such file or directory; check"
    ),
    "items a folder": Row(("run", "."), "cannot read the items from '.': Is a directory; check the path"),
    "items binary": Row(
        ("run", "binary.jsonl"), "cannot read 'binary.jsonl': expected JSON Lines in UTF-8, got other bytes"
    ),
    "report of a run without log": Row(
        ("run", "good.jsonl", "--report", "r.html"), "is made from its log: give --log too"
    ),
    "out in no folder": Row(
        ("run", "good.jsonl", "--out", "gone/o.jsonl"), "--out names a file to write, but 'gone/o.jsonl'"
    ),
    # logs
    "replay of no log": Row(
        ("replay", "gone"), "no run log at 'gone': expected a folder that holds events", 1, "RecordError"
    ),
    "show of no log": Row(
        ("show", "."), "no run log at '.': expected a folder that holds events.jsonl", 1, "RecordError"
    ),
    "log is a file": Row((*RATE, "--log", "a.png"), "cannot write a run log in 'a.png': ", 1, "RecordError"),
    "demo in no folder": Row(
        ("demo", "--out", "gone/r.html"), "--out names a file to write, but 'gone/r.html' is in the"
    ),
}


@pytest.fixture(autouse=True)
def files(empty_folder: None) -> None:
    for name, content in FILES.items():
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def server() -> Iterator[SmallServer]:
    running = SmallServer()
    yield running
    running.close()


def check(row: Row) -> None:
    ran = run(*row.call, "--json")
    assert ran.json.keys() == {"error"}
    said = ran.json["error"]["message"]
    assert row.message in said
    assert (ran.status, ran.json["error"]["kind"]) == (row.status, row.kind)
    assert ran.err == f"autorater: {said}\n"
    assert len(said) < 600


@pytest.mark.parametrize("kind", ROWS)
def test_bad_input(kind: str) -> None:
    check(ROWS[kind])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.md", "cannot read the checklist 'gone.md': No such file or directory; check the path"),
        ("a.png", "cannot read the checklist 'a.png': expected a text file in UTF-8"),
        ("broken.md", "broken.md: expected YAML front matter between two lines of '---' at the top of the file"),
        ("cycle.md", "cycle.md: the value: 'a' depends on ['b'], which must stand before it"),
        ("orphan.md", "orphan.md: the value: 'a' depends on ['nobody'], which must stand before it"),
    ],
)
def test_a_bad_checklist(name: str, message: str, server: SmallServer) -> None:
    check(Row((*RATE, "--model", server.model, "--checklist", name), message))


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("none.jsonl", "none.jsonl, line 1: not a JSON object: "),
        ("fields.jsonl", "item 1: picture: extra inputs are not permitted"),
    ],
)
def test_bad_items_are_counted_and_named(items: str, message: str, server: SmallServer) -> None:
    ran = run("run", items, "--model", server.model, "--json")
    assert (ran.status, ran.json["items"]) == (1, 0)
    (error,) = ran.json["errors"]
    assert error.startswith(message)
    assert ran.err == f"autorater: {error}\n"


def test_a_log_of_other_settings(server: SmallServer) -> None:
    call = (*RATE, "--model", server.model, "--log", "log")
    assert run(*call, "--tools", "none").status == 0
    message = "this log was made with other settings (order: recorded both, now given): resume with the same, or choose"
    check(Row((*call, "--tools", "none", "--order", "given"), message, 1, "RecordError"))


def test_a_log_in_use() -> None:
    with RunLog("log", write=True):
        message = "another process is writing to 'log': wait for it, or choose another --log"
        check(Row((*RATE, "--log", "log"), message, 1, "RecordError"))


def recorded(server: SmallServer) -> Path:
    assert run(*RATE, "--model", server.model, "--tools", "none", "--log", "log").status == 0
    return Path("log/events.jsonl")


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a line that is no event": (
        lambda log: b"no event\n" + log,
        "events.jsonl, line 1 is not an event: the log is damaged",
    ),
    "no first line": (lambda log: log.split(b"\n", 1)[1], "'log' holds no run: its first line is not 'started'"),
    "a newer log": (lambda log: log.replace(b'"schema_number":2', b'"schema_number":99'), "upgrade autorater-vision"),
    "other settings": (
        lambda log: log.replace(b'"order":"both"', b'"order":"up"', 1),
        "the settings are damaged: order: input should be",
    ),
    "no such choice": (
        lambda log: log.replace(b'"how":"none"', b'"how":"some"', 1),
        "how: input should be 'all', 'auto'",
    ),
    "no settings": (lambda log: log.replace(b'"tools":', b'"tolls":', 1), "line 1: the settings are damaged"),
    "a damaged answer": (
        lambda log: log.replace(b'"finish":"stop"', b'"finish":"halt"'),
        "input should be 'stop', 'length'",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_log(kind: str, server: SmallServer) -> None:
    path = recorded(server)
    damage, message = DAMAGE[kind]
    path.write_bytes(damage(path.read_bytes()))
    check(Row(("replay", "log"), message, 1, "RecordError"))


def test_a_log_without_its_blobs(server: SmallServer) -> None:
    recorded(server)
    for blob in Path("log/blobs").iterdir():
        blob.write_bytes(b"other")
    assert run("replay", "log", "--json").status == 0  # a replay looks at no image
    ran = run("replay", "log", "--json", "--report", "r.html")
    assert ran.status == 0  # a report says which image it cannot show


def test_a_judgment_that_was_not_recorded(server: SmallServer) -> None:
    recorded(server)
    check(Row(("show", "log", "nobody"), "no judgment called 'nobody' in 'log'", 1, "RecordError"))


def test_a_malformed_reply_is_no_result(server: SmallServer) -> None:
    server.answer = says(json.dumps({"score": 11}))
    ran = run(*RATE, "--model", server.model, "--tools", "none", "--json")
    assert (ran.status, ran.json["outcome"], ran.json["score"]) == (3, "unparsable", None)
    assert ran.json["reason"].startswith("the answer does not fit the schema: ")


def test_a_dead_server_is_no_result() -> None:
    model = "compatible:http://127.0.0.1:1/v1#m"
    ran = run(*RATE, "--model", model, "--tools", "none", "--attempts", "1", "--json")
    assert (ran.status, ran.json["outcome"]) == (3, "unreachable")
    assert ran.json["reason"].startswith(f"{model} gave no answer: ")


def test_one_image_twice_is_a_tie(server: SmallServer) -> None:
    ran = run("compare", "a.png", "a.png", *FOX, "--model", server.model, "--tools", "none", "--json")
    assert (ran.status, ran.json["outcome"], ran.json["preferred"]) == (0, "tie", "tie")


def test_a_specialist_that_does_not_apply_is_a_warning(server: SmallServer) -> None:
    ran = run(*RATE, "--model", server.model, "--tools", "pixel_change", "--json")
    assert (ran.status, ran.json["outcome"]) == (0, "scored")
    assert ran.json["warnings"] == ["pixel_change does not apply to this request and did not run"]


def test_a_report_that_cannot_be_written_keeps_the_judgment(server: SmallServer) -> None:
    """The folder is there when the work begins and gone when it ends."""
    folder = Path("folder")
    folder.mkdir()

    def answer(schema: dict[str, Any]) -> str:
        folder.rmdir()
        return filled(schema)

    server.answer = answer
    ran = run(*RATE, "--model", server.model, "--tools", "none", "--report", folder / "r.html", "--json")
    assert (ran.status, ran.json["score"]) == (1, 5.0)
    assert "cannot write the report 'r.html'" in ran.err
