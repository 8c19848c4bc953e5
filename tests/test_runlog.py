"""The run log: appended, found again, torn, damaged, full, shared, joined."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autorater.canonical import digest
from autorater.errors import ImageError, RecordError
from autorater.events import SCHEMA, Asked, Started, Stopped
from autorater.image import open_picture
from autorater.model import Reply
from autorater.offsets import Offsets
from autorater.runlog import RunLog


def key_of(number: int) -> str:
    return digest(str(number).encode())


def asked(number: int, *, text: str = "é", cost: float | None = 0.5, key: str | None = None) -> Asked:
    reply = Reply(text=text, finish="stop")
    return Asked(
        key=key or key_of(number), cost=cost, request={"model": "m:x", "number": number}, reply=reply, at="", seconds=0
    )


def filled(folder: Path, count: int = 3) -> Path:
    with RunLog(folder, write=True) as log:
        log.append(Started(key="0" * 64, autorater="0", at="", settings={}))
        for number in range(count):
            log.append(asked(number))
    return folder


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_is_appended_is_found_and_the_last_one_counts(tmp_path: Path) -> None:
    with RunLog(tmp_path / "deep" / "log", write=True) as log:
        assert log.find(Asked, key_of(1)) is None
        log.append(asked(1, text="first"))
        log.append(asked(2, cost=None))
        log.append(asked(1, text="second"))
        assert log.find(Asked, key_of(1)) == asked(1, text="second")
        assert log.has("asked", key_of(2))
        assert not log.has("judged", key_of(2))
        assert log.count("asked") == 2
        assert log.spent == 1.0
    with RunLog(tmp_path / "deep" / "log") as log:
        assert log.find(Asked, key_of(1)) == asked(1, text="second")
        assert [event.key for event in log.events()] == [key_of(1), key_of(2), key_of(1)]
        assert [json.loads(line)["reply"]["text"] for line in log.lines("asked")] == ["first", "é", "second"]
        assert log.spent == 1.0


def test_kind_key_and_cost_stand_first_so_that_a_log_is_indexed_unparsed(tmp_path: Path) -> None:
    line = (filled(tmp_path) / "events.jsonl").read_bytes().splitlines()[1]
    assert line.startswith(b'{"kind":"asked","key":"' + key_of(0).encode() + b'","cost":0.5,')


def test_a_line_torn_at_any_byte_costs_that_line_alone(tmp_path: Path) -> None:
    path = filled(tmp_path) / "events.jsonl"
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for length in range(start, len(whole)):
        path.write_bytes(whole[:length])
        with RunLog(tmp_path) as log:
            assert log.count("asked") == 2
            assert len(list(log.events())) == 3
    for length in (start, start + 1, start + 40, len(whole) - 1):
        path.write_bytes(whole[:length])
        with RunLog(tmp_path, write=True) as log:
            log.append(asked(2))
            assert log.find(Asked, key_of(2)) == asked(2)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("damage", [b"garbage\n", b'{"kind":"asked"}\n', b"\n", b"\x00" * 50 + b"\n"])
def test_a_damaged_line_is_named(tmp_path: Path, damage: bytes) -> None:
    path = filled(tmp_path) / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], damage, *lines[3:]]))
    with pytest.raises(RecordError, match="line 3 is not an event"):
        RunLog(tmp_path)


def test_damage_behind_the_head_of_a_line_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = filled(tmp_path) / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"number":1', b'"number":?'))
    with RunLog(tmp_path) as log:
        assert log.find(Asked, key_of(0)) is not None
        with pytest.raises(RecordError, match=f"the event {key_of(1)[:12]}: .*json"):
            log.find(Asked, key_of(1))
        with pytest.raises(RecordError, match="line 3: "):
            list(log.events())


def test_a_log_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path) / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"schema_number":%d' % SCHEMA, b'"schema_number":%d' % (SCHEMA + 1)))
    with pytest.raises(RecordError, match=f"schema {SCHEMA + 1}, this version reads up to {SCHEMA}: upgrade"):
        RunLog(tmp_path)


def test_a_log_has_one_writer_and_any_number_of_readers(tmp_path: Path) -> None:
    write = "import sys; from autorater import RunLog; RunLog(sys.argv[1], write=True)"
    read = "import sys; from autorater import RunLog; print(RunLog(sys.argv[1]).count('asked'))"
    with RunLog(filled(tmp_path), write=True) as log:
        with pytest.raises(RecordError, match="another process is writing"):
            RunLog(tmp_path, write=True)
        refused = python(write, tmp_path)
        assert "RecordError: another process is writing" in refused.stderr
        log.append(asked(7))
        with RunLog(tmp_path) as reader:
            assert reader.find(Asked, key_of(7)) == asked(7)
        assert python(read, tmp_path).stdout.strip() == "4"
    assert python(write, tmp_path).returncode == 0


def test_a_log_that_failed_to_open_is_free_again(tmp_path: Path) -> None:
    path = filled(tmp_path) / "events.jsonl"
    whole = path.read_bytes()
    path.write_bytes(b"garbage\n" + whole)
    with pytest.raises(RecordError, match="line 1"):
        RunLog(tmp_path, write=True)
    path.write_bytes(whole)
    RunLog(tmp_path, write=True).close()


def test_a_reader_writes_nothing(tmp_path: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in filled(tmp_path).iterdir()}
    with RunLog(tmp_path) as log:
        with pytest.raises(RecordError, match="opened for reading"):
            log.append(asked(9))
        name = log.keep(b"nothing")
        with pytest.raises(RecordError, match="is missing"):
            log.blob(name)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_no_log_and_no_right_to_write_one_are_said(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no run log at"):
        RunLog(tmp_path / "nothing")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RecordError, match="cannot write a run log in"):
        RunLog(tmp_path / "file", write=True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_rights_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RecordError, match="cannot write a run log in"):
        RunLog(tmp_path / "log", write=True)


FULL_DISK = """
    import resource, signal, sys
    sys.path.insert(0, sys.argv[2])
    from test_runlog import asked
    from autorater import RunLog
    from autorater.errors import RecordError

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = RunLog(sys.argv[1], write=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    try:
        for number in range(100):
            log.append(asked(number))
    except RecordError as error:
        print(number, error)
    try:
        log.keep(b"x" * 4000)
    except RecordError as error:
        print(error)
    assert log.find(type(asked(0)), asked(number - 1).key) == asked(number - 1)
    log.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on files stands for a full disk")
def test_a_full_disk_is_one_clear_error_and_keeps_what_came_before(tmp_path: Path) -> None:
    told = python(FULL_DISK, tmp_path, Path(__file__).parent)
    assert told.returncode == 0, told.stderr
    first, second = told.stdout.splitlines()
    number, _, message = first.partition(" ")
    assert message.startswith("cannot write to events.jsonl: ")
    assert "everything before is kept" in message
    assert second.startswith("cannot write a blob")
    with RunLog(tmp_path, write=True) as log:
        assert log.count("asked") == int(number) > 3
        log.append(asked(int(number)))
        assert log.find(Asked, key_of(int(number))) == asked(int(number))
    assert (tmp_path / "events.jsonl").read_bytes().endswith(b"}\n")
    assert list((tmp_path / "blobs").iterdir()) == []


def test_blobs_are_kept_once_and_checked(tmp_path: Path) -> None:
    with RunLog(tmp_path, write=True) as log:
        name = log.keep(b"bytes")
        assert log.keep(b"bytes") == name == digest(b"bytes")
        assert log.keep_text("words") == log.keep_text("words") == digest(b"words")
        assert log.blob(name) == b"bytes"
        assert sorted(path.name for path in (tmp_path / "blobs").iterdir()) == sorted([name, digest(b"words")])
        (tmp_path / "blobs" / name).write_bytes(b"others")
        with pytest.raises(RecordError, match="is damaged"):
            log.blob(name)
        with pytest.raises(RecordError, match="is missing"):
            log.blob("0" * 64)


def test_a_picture_comes_back_without_its_bytes_until_they_are_asked_for(tmp_path: Path) -> None:
    picture = open_picture(np.full((4, 6, 4), 128, np.uint8))
    with RunLog(tmp_path, write=True) as log:
        record = log.keep_picture(picture)
        again = log.picture(record)
        assert (again, again.width, again.height) == (picture, 6, 4)
        assert (again.media_type, again.plain, again.notes) == (picture.media_type, picture.plain, picture.notes)
        assert again.data == picture.data
        assert np.array_equal(again.array(), picture.array())
        (tmp_path / "blobs" / record.sha256).unlink()
        missing = log.picture(record)
        assert missing.sha256 == picture.sha256
        with pytest.raises((RecordError, ImageError), match="is missing"):
            missing.rgb()


def test_two_keys_with_one_prefix_are_an_error_and_never_a_wrong_answer(tmp_path: Path) -> None:
    one, other = "a" * 64, "a" * 16 + "b" * 48
    with RunLog(tmp_path, write=True) as log:
        log.append(asked(1, key=one))
        with pytest.raises(RecordError, match="share the prefix"):
            log.find(Asked, other)
        log.append(asked(2, key=other))
        assert log.find(Asked, other) == asked(2, key=other)
        with pytest.raises(RecordError, match="share the prefix"):
            log.find(Asked, one)


def test_logs_are_joined_by_writing_one_after_the_other(tmp_path: Path) -> None:
    whole = (filled(tmp_path / "one") / "events.jsonl").read_bytes()
    with RunLog(tmp_path / "two", write=True) as log:
        log.append(asked(1, text="later"))
    (tmp_path / "joined").mkdir()
    second = (tmp_path / "two" / "events.jsonl").read_bytes()
    (tmp_path / "joined" / "events.jsonl").write_bytes(whole + second)
    with RunLog(tmp_path / "joined") as log:
        assert log.count("asked") == 3
        assert log.find(Asked, key_of(1)) == asked(1, text="later")


def test_the_end_of_a_run_is_an_event(tmp_path: Path) -> None:
    with RunLog(tmp_path, write=True) as log:
        log.append(Stopped(why="budget", detail="$1", at=""))
    with RunLog(tmp_path) as log:
        assert list(log.events()) == [Stopped(why="budget", detail="$1", at="")]


KEYS = st.integers(0, 2**64 - 2).map(lambda number: f"{number:016x}" + "0" * 48)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, st.integers(0, 2**63)), max_size=1500), st.lists(KEYS, max_size=20))
def test_offsets_are_a_dictionary(pairs: list[tuple[str, int]], others: list[str]) -> None:
    offsets, known = Offsets(), dict[str, int]()
    for key, offset in pairs:
        offsets.set(key, offset)
        known[key] = offset
    assert len(offsets) == len(known)
    for key in (*known, *others):
        assert offsets.get(key) == known.get(key)


def test_offsets_keep_many_keys_in_little_memory() -> None:
    offsets = Offsets()
    for number in range(20_000):
        offsets.set(key_of(number), number)
    assert [offsets.get(key_of(number)) for number in range(0, 20_000, 777)] == list(range(0, 20_000, 777))
    assert offsets.get("f" * 64) is None
