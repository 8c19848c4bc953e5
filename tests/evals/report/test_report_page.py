"""The page: whole, self-contained, safe, the same bytes every time, and its numbers those of the evaluation."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from reported_runs import ITEMS, Elements, hostile_run

from autorater.assessment import Measured
from autorater.errors import RecordError, UsageError
from autorater.judgment import Judgment
from autorater_evals.recorded import open_run
from autorater_evals.report.page import write_page
from autorater_evals.report.scored import Scored, name_runs, open_scored
from autorater_evals.report.synthetic import write_synthetic

CHARS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@pytest.fixture(scope="module")
def page(plain: Path) -> Elements:
    return Elements(plain.read_text(encoding="utf-8"))


def test_the_page_asks_for_nothing_and_runs_one_script(page: Elements) -> None:
    policy = next(
        value for tag, name, value in page.attributes if tag == "meta" and name == "content" and "src" in value
    )
    assert "default-src 'none'" in policy
    for kind, texts in (("script", page.running), ("style", page.styles)):
        assert len(texts) == 1
        known = base64.b64encode(hashlib.sha256(texts[0].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{known}'" in policy
    assert "unsafe" not in policy
    linked = [value for _, name, value in page.attributes if name in ("href", "src", "xlink:href")]
    assert linked
    assert all(value.startswith("#") for value in linked)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]
    assert {"iframe", "link", "object", "embed", "base"}.isdisjoint(page.tags)


def test_ids_are_unique(page: Elements) -> None:
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_equal_runs_give_equal_bytes_and_no_folder_is_told(
    runs: tuple[Scored, ...], plain: Path, tmp_path: Path
) -> None:
    write_page(tmp_path / "again.html", runs, title="Two judges")
    again = (tmp_path / "again.html").read_bytes()
    assert again == plain.read_bytes()
    assert str(runs[0].run.folder.parent).encode() not in again
    assert [path.name for path in tmp_path.iterdir()] == ["again.html"]


def test_the_table_tells_the_figures_of_the_evaluation(runs: tuple[Scored, ...], page: Elements) -> None:
    for run in runs:
        figure = run.evaluation.find("accuracy_half", part="pairs", dimension="overall")
        assert figure is not None
        assert figure.value is not None
        assert figure.interval is not None
        low, high = figure.interval.low, figure.interval.high
        assert f"{100 * figure.value:.1f}\n{100 * low:.1f} to {100 * high:.1f}" in page.lines
        assert f"n {figure.n}" in page.text
    assert "synthetic:two + sharp, faults" in page.text


def test_every_item_is_there_with_what_both_judges_said(runs: tuple[Scored, ...], page: Elements) -> None:
    details = page.details()
    assert len(details) == ITEMS == len(page.index["rows"]["id"])
    said: list[dict[str, Judgment]] = [{one.id: one for one in run.run.judgments()} for run in runs]
    for number, item in enumerate(details):
        told = runs[0].run.items[item["id"]]
        assert page.index["rows"]["id"][number] == f"synthetic/{told.id}"
        assert (item["prompt"], item["generators"]) == (told.prompt, list(told.generators))
        for place, run in item["runs"]:
            judgment = said[int(place)][told.id]
            assert (run["outcome"], run["rationale"]) == (judgment.outcome, judgment.rationale)
            assert [one["order"] for one in run["passes"]] == [one.order for one in judgment.passes]
            measured = [one.outcome for one in judgment.assessments if one.candidate == "a"]
            boxes = [region.box for one in measured if isinstance(one, Measured) for region in one.regions]
            marks = [mark[1:5] for mark in run["marks"].get("a", [{"regions": []}])[0]["regions"]]
            assert marks == [pytest.approx([x, y, right - x, low - y]) for x, y, right, low in boxes]


def test_agreement_in_the_list_is_that_of_labels_and_judgments(runs: tuple[Scored, ...], page: Elements) -> None:
    for place, run in enumerate(runs):
        said = {one.id: one.preferred for one in run.run.judgments()}
        states = page.index["runs"][place]["by"]["overall"]["state"]
        for name, state in zip(page.index["rows"]["id"], states, strict=True):
            people = run.run.items[name.removeprefix("synthetic/")].preferences["overall"].preferred
            judge = said[name.removeprefix("synthetic/")]
            wanted = "n" if judge is None else "a" if judge == people else "t" if "tie" in (judge, people) else "d"
            assert state == wanted
        assert {"a", "d"} <= set(states)


def test_cited_specialists_and_outcomes_can_be_filtered_by(runs: tuple[Scored, ...], page: Elements) -> None:
    index = page.index
    assert [name for name, _ in index["specialists"]] == ["faults", "sharp"]
    judged = sum(1 for one in runs[0].run.judgments() if one.citations)
    cited = [
        index["rows"]["cited"][number]
        for number, kind in enumerate(index["runs"][0]["outcome"])
        if index["outcomes"][kind] in ("scored", "tie")
    ]
    assert sum(bool(one) for one in cited) == judged
    counts = runs[0].evaluation.profile.outcomes
    told = [index["outcomes"][kind] for kind in index["runs"][0]["outcome"]]
    assert {name: told.count(name) for name in set(told)} == counts


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    runs = hostile_run(tmp_path)
    write_page(tmp_path / "report.html", runs, title="</title><script>1</script>")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not CHARS.search(text)
    page = Elements(text)
    assert len(page.running) == 1
    assert "img" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert page.text.startswith("</title><script>1</script>")
    assert {item["prompt"] for item in page.details()} >= {"<!--<script>", "שלום עולם، مرحبا بالعالم"}


def test_pictures_are_kept_once_and_a_lost_one_is_counted(tmp_path: Path) -> None:
    folder = write_synthetic(tmp_path / "run", items=4, side=48)
    lost = next(iter(open_run(folder).judgments())).candidates[0]
    (folder / "blobs" / lost).unlink()
    written = write_page(tmp_path / "report.html", open_scored([folder]), title="T")
    page = Elements((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert (written.pictures, written.left_out) == (8, 1)
    held = [text.strip() for name, text in page.scripts.items() if name.startswith("p")]
    assert sum(text.startswith("data:image/") for text in held) == 7


def test_items_beyond_the_most_are_left_out_at_even_steps(runs: tuple[Scored, ...], tmp_path: Path) -> None:
    written = write_page(tmp_path / "report.html", runs, title="T", most=15)
    page = Elements((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert (written.items, written.shown, len(page.details())) == (ITEMS, 15, 15)
    assert [item["id"] for item in page.details()][:3] == ["pair-00000", "pair-00004", "pair-00008"]
    assert "The browser holds 15 of 60 items" in page.text


def test_a_run_that_is_not_finished_says_so(tmp_path: Path) -> None:
    folder = write_synthetic(tmp_path / "run", items=6, side=48)
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "events.jsonl").write_bytes(b"".join(lines[:-4]))
    write_page(tmp_path / "report.html", open_scored([folder]), title="T")
    page = Elements((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert [run for _, run in page.details()[-1]["runs"]] == [None]
    assert page.index["outcomes"][page.index["runs"][0]["outcome"][-1]] == "absent"


def test_the_page_is_written_whole_or_not_at_all(runs: tuple[Scored, ...], tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"cannot write the report 'report\.html'"):
        write_page(tmp_path / "missing" / "report.html", runs, title="T")
    assert not list(tmp_path.iterdir())


def test_runs_are_named_apart_and_must_share_their_items(runs: tuple[Scored, ...], tmp_path: Path) -> None:
    again = name_runs([runs[0].run, runs[0].run], [runs[0].evaluation] * 2)
    assert len({run.name for run in again}) == 2
    other = write_synthetic(tmp_path / "hostile", items=3, side=48, hostile=True)
    mixed = write_synthetic(tmp_path / "plain", items=3, side=48)
    lines = (mixed / "benchmark.jsonl").read_text(encoding="utf-8").replace('"number 0"', '"number 9"')
    changed = lines.replace("indoors", "outside", 1)
    (mixed / "benchmark.jsonl").write_text(changed, encoding="utf-8")
    with pytest.raises(UsageError, match="different items or labels"):
        open_scored([mixed, runs[0].run.folder])
    with pytest.raises(UsageError, match="given twice"):
        open_scored([other, other])
    with pytest.raises(UsageError, match="at least one"):
        open_scored([])
