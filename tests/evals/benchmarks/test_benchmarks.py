"""Every benchmark keeps the same promises: adding its loader and card adds these tests, and asks for a tiny fixture."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest

from autorater.embedded import read_coefficients
from autorater.errors import UsageError
from autorater.verdict import ATTRIBUTES, EDIT_ATTRIBUTES
from autorater_evals.benchmark import Benchmark, Loaded, find_benchmarks

HERE = Path(__file__).parent
DATA = HERE.parents[3] / "shared" / "data"
MODULES = [import_module(path.stem) for path in sorted(HERE.glob("making_*.py"))]
MAKERS: dict[str, Any] = {name: maker for module in MODULES for name, maker in module.MAKERS.items()}
REAL: dict[str, tuple[str, ...]] = {
    name: place for module in MODULES for name, place in getattr(module, "REAL", {}).items()
}
READ = re.compile(r"overall|dimension:(?P<dimension>\w+)|attribute:(?P<attribute>\w+)")

every_benchmark = pytest.mark.parametrize("name", list(find_benchmarks()))


def made(name: str, folder: Path) -> tuple[Benchmark, Mapping[str, Mapping[str, int]]]:
    assert name in MAKERS, f"{name} needs a tiny fixture: add a function to MAKERS of a making_*.py"
    folder.mkdir(exist_ok=True)
    return find_benchmarks()[name], MAKERS[name](folder)


def registered(benchmark: Benchmark, counts: Mapping[str, Mapping[str, int]]) -> Benchmark:
    """The same with other registered counts."""
    parts = tuple(part.model_copy(update={"expect": dict(counts.get(part.name, {}))}) for part in benchmark.meta.parts)
    return replace(benchmark, card=replace(benchmark.card, meta=benchmark.meta.model_copy(update={"parts": parts})))


@every_benchmark
def test_loads_what_was_made(name: str, tmp_path: Path) -> None:
    benchmark, counts = made(name, tmp_path)
    loaded = benchmark.load(tmp_path, any_count=True)
    for part, wanted in counts.items():
        found = loaded.counts[part]
        assert {key: found.get(key, 0) for key in wanted} == dict(wanted)
    ids = [item.id for items in loaded.items.values() for item in items]
    assert ids
    assert len(ids) == len(set(ids))
    again = benchmark.load(tmp_path, any_count=True)
    assert again.items == loaded.items
    assert again.digest == loaded.digest


@every_benchmark
def test_items_have_the_labels_of_their_part(name: str, tmp_path: Path) -> None:
    benchmark, _ = made(name, tmp_path)
    loaded = benchmark.load(tmp_path, any_count=True)
    for part in benchmark.meta.parts:
        declared = {dimension.name: dimension for dimension in part.dimensions}
        for item in loaded.items[part.name]:
            assert item.part == part.name
            assert item.prompt.strip()
            assert item.cluster
            assert len(item.generators) in (0, len(item.images))
            assert bool(item.sources) <= benchmark.meta.edit
            labels = {"points": item.opinions, "questions": item.questions}.get(part.kind, item.preferences)
            assert labels, item.id
            assert part.kind != "groups" or item.group
            for dimension, opinion in item.opinions.items():
                scale = declared.get(dimension)
                if scale and scale.low is not None and scale.high is not None:
                    assert scale.low <= opinion.mean <= scale.high
            if declared:
                assert {*item.opinions, *item.preferences} <= set(declared) or not part.expect


@every_benchmark
def test_a_wrong_count_names_both(name: str, tmp_path: Path) -> None:
    benchmark, counts = made(name, tmp_path)
    assert registered(benchmark, counts).load(tmp_path).complete
    part, items = next((part, wanted["items"]) for part, wanted in counts.items() if wanted["items"])
    fewer = registered(benchmark, {part: {"items": items - 1}})
    with pytest.raises(UsageError, match=f"{part}: {items - 1:,} items expected, {items:,} found"):
        fewer.load(tmp_path)
    assert not fewer.load(tmp_path, any_count=True).complete


@every_benchmark
def test_what_is_broken_is_one_line_with_its_place(name: str, tmp_path: Path) -> None:
    benchmark, _ = made(name, tmp_path / "whole")
    tables = [path for path in (tmp_path / "whole").rglob("*") if path.suffix in (".jsonl", ".json", ".csv")]
    for number, path in enumerate(tables):
        for how, text in broken(path):
            folder = tmp_path / f"{number}-{how}"
            made(name, folder)
            (folder / path.relative_to(tmp_path / "whole")).write_text(text, encoding="utf-8")
            with pytest.raises(UsageError) as caught:
                benchmark.load(folder, any_count=True)
            message = str(caught.value)
            assert path.name in message, message
            assert re.search(r"(line|entry) \d+", message), f"{path.name}, {how}: {message}"
            assert "\n" not in message
            assert len(message) < 800


WEIRD: tuple[Any, ...] = (7, "x", None, [], {}, [1], {"a": 1}, float("nan"), 1e300, True, "", "\ud800", "../up.png", -3)


@every_benchmark
def test_no_wrong_value_is_more_than_one_line(name: str, tmp_path: Path) -> None:
    """Every field of the last row of every table, replaced by what does not belong there: read, or one clear error."""
    benchmark, _ = made(name, tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.suffix == ".jsonl"]:
        whole = path.read_text(encoding="utf-8")
        head, _, last = whole.rstrip("\n").rpartition("\n")
        for row in changed(json.loads(last)):
            path.write_text(f"{head}\n{json.dumps(row)}\n", encoding="utf-8")
            told = complaint(benchmark, tmp_path)
            assert "\n" not in told
            assert len(told) < 800
        path.write_text(whole, encoding="utf-8")


def complaint(benchmark: Benchmark, folder: Path) -> str:
    """What is said of data that cannot be read; "" when they can, and can be written down."""
    try:
        assert benchmark.load(folder, any_count=True).digest
    except UsageError as error:
        return str(error)
    return ""


def changed(value: Any) -> Iterator[Any]:
    """`value` with one thing in it replaced, for every place and every strange thing."""
    yield from WEIRD
    if isinstance(value, dict):
        given = cast(dict[str, Any], value)
        yield from ({**given, key: other} for key, inner in given.items() for other in changed(inner))
    elif isinstance(value, list) and value:
        listed = cast(list[Any], value)
        yield from ([other, *listed[1:]] for other in changed(listed[0]))


def broken(path: Path) -> Iterator[tuple[str, str]]:
    """(what was done, text): a table that ends too early, and one whose last row holds nothing of use."""
    text = path.read_text(encoding="utf-8").rstrip("\n")
    head, _, last = text.rpartition("\n")
    if path.suffix == ".csv":
        yield "cut", f"{head}\n{last.partition(',')[0]}"
        yield "nonsense", f"{head}\n{','.join('?' for _ in head.splitlines()[0].split(','))}"
    elif path.suffix == ".jsonl":
        yield "cut", f"{head}\n{last[: len(last) // 2]}"
        yield "nonsense", f"{head}\n{{}}"
    else:
        yield "cut", text[: len(text) // 2]
        rows = json.loads(text)
        if isinstance(rows, list):
            yield "nonsense", json.dumps([*rows[:-1], {}])


@every_benchmark
def test_a_folder_without_the_files_says_what_is_expected(name: str, tmp_path: Path) -> None:
    benchmark = find_benchmarks()[name]
    with pytest.raises(UsageError, match="expected"):
        benchmark.load(tmp_path)
    with pytest.raises(UsageError, match="it comes from"):
        benchmark.load(tmp_path / "nowhere")


@every_benchmark
def test_the_card_is_complete(name: str) -> None:
    benchmark = find_benchmarks()[name]
    meta = benchmark.meta
    assert all(text.strip() for text in (meta.title, meta.source, meta.licence, meta.training_note))
    assert len(benchmark.card.body) > 200, "the card says nothing of protocol, files and traps"
    for part in meta.parts:
        assert len({dimension.name for dimension in part.dimensions}) == len(part.dimensions)
        for dimension in part.dimensions:
            assert dimension.meaning
            assert dimension.reads
            assert (dimension.low is None) == (dimension.high is None)
            for read in dimension.reads:
                told = READ.fullmatch(read)
                assert told, f"{read} is nothing that a judgment has"
                assert told["dimension"] in (None, *read_coefficients().dimensions)
                assert told["attribute"] in (None, *ATTRIBUTES, *EDIT_ATTRIBUTES)
    for one in meta.published:
        part = benchmark.part(one.part)
        assert one.dimension in [dimension.name for dimension in part.dimensions] or part.kind == "questions"
        assert -1 <= one.value <= 1
        assert one.source.strip()
        assert one.measure


@every_benchmark
def test_the_real_files_have_the_registered_counts(name: str) -> None:
    if name not in REAL:
        pytest.skip(f"no real file of {name} is in shared/data")
    folder, *parts = REAL[name]
    if not (DATA / folder).exists():
        pytest.skip(f"shared/data/{folder} is not here")
    benchmark = find_benchmarks()[name]
    loaded: Loaded = benchmark.load(DATA / folder, parts=parts)
    assert all(loaded.items.values())
    assert loaded.complete or benchmark.meta.counts == "most"


def test_every_fixture_has_a_benchmark() -> None:
    assert set(MAKERS) <= set(find_benchmarks())
    assert set(REAL) <= set(find_benchmarks())
