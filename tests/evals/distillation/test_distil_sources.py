"""What may be distilled: evaluated runs as recorded, benchmarks by name; and what they are held against."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from pictures import png
from scripted import ScriptedModel
from teaching import block_of, pairs, photographs, said_to, teach, write_rows, writer
from typer.testing import CliRunner

from autorater.canonical import digest
from autorater.errors import Unavailable, UsageError
from autorater.model import Question, Reply
from autorater_evals.benchmark import get_benchmark
from autorater_evals.distillation import Plan, check, open_source
from autorater_evals.heads.data import read_data
from autorater_evals.heads.settings import Settings
from autorater_evals.printing import show_benchmarks, show_card
from autorater_evals.running import evaluate
from autorater_evals.trainset import open_set

FREE = Plan(variants=("free",), without=("classifier",))


def test_an_evaluated_run_is_distilled_from_its_record_without_its_data(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(4), pictures=8)
    evaluate("jsonl", data, log=tmp_path / "run", model=ScriptedModel(), tools="none", cache=False)
    for file in data.parent.iterdir():
        file.unlink()
    found, _ = teach(tmp_path / "run", tmp_path / "set", plan=FREE)
    kept = list(open_set(tmp_path / "set").examples())
    assert sorted(one.item for one in kept) == [f"pairs/p{number}" for number in range(4)]
    assert {one.candidates[0] for one in kept} == {digest(png(2 * number)) for number in range(4)}
    assert (found.card["source"]["benchmark"], found.card["source"]["licence"]) == ("jsonl", "yours to know")
    assert check(tmp_path / "set").differing == ()


def test_a_run_of_data_that_may_not_be_trained_on_is_refused(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(2), pictures=4)
    evaluate("jsonl", data, log=tmp_path / "run", model=ScriptedModel(), tools="none", cache=False)
    path = tmp_path / "run" / "benchmark.jsonl"
    header, *items = path.read_text(encoding="utf-8").splitlines()
    told = json.loads(header) | {"benchmark": "psr"}
    path.write_text("\n".join([json.dumps(told), *items]) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="psr may not be trained on: "):
        open_source(str(tmp_path / "run"))


def test_a_set_for_research_says_so_and_its_run_is_held_to_the_same(tmp_path: Path) -> None:
    data = photographs(tmp_path / "data", 6)
    found, _ = teach("biq2021", tmp_path / "set", folder=data, plan=FREE, research=True)
    assert (found.card["source"]["training"], found.card["source"]["research"]) == ("research", True)
    text = (tmp_path / "set" / "card.md").read_text(encoding="utf-8")
    assert "**For research only** (`--research`)" in text
    assert "students of this set have seen items of `biq2021`" in text
    assert check(tmp_path / "set").differing == ()
    evaluate("biq2021", data, log=tmp_path / "run", model=ScriptedModel(), tools="none", cache=False)
    with pytest.raises(UsageError, match="biq2021 may be trained on for research only: "):
        open_source(str(tmp_path / "run"))
    assert open_source(str(tmp_path / "run"), research=True).origin.research
    mine = write_rows(tmp_path / "mine", pairs(1), pictures=2)
    assert not open_source(str(mine), research=True).origin.research  # nothing asked for it


def test_a_run_that_was_recorded_under_stricter_terms_keeps_them(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data", pairs(2), pictures=4)
    evaluate("jsonl", data, log=tmp_path / "run", model=ScriptedModel(), tools="none", cache=False)
    path = tmp_path / "run" / "benchmark.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"training_allowed":true', '"training_allowed":false', 1), encoding="utf-8")
    with pytest.raises(UsageError, match="was recorded when its data might not be trained on"):
        open_source(str(tmp_path / "run"))


def test_a_folder_that_holds_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no evaluated run at .*: expected benchmark\.jsonl in it"):
        open_source(str(tmp_path))


def test_only_one_dimension_is_distilled_and_the_other_items_are_counted(tmp_path: Path) -> None:
    rows = pairs(3)
    rows[1]["preferred"] = {"light": "a"}
    rows[2]["preferred"] = {"light": "b", "overall": "a"}
    data = write_rows(tmp_path / "data", rows, pictures=6)
    found, _ = teach(data, tmp_path / "set", plan=FREE, dimension="light")
    assert found.card["unusable"] == {"people said nothing of it in light": 1}
    assert {one.item: one.label.preferred for one in open_set(tmp_path / "set").examples()} == {
        "pairs/p1": "a",
        "pairs/p2": "b",
    }
    with pytest.raises(UsageError, match="nothing of any item in dark; dimensions of jsonl: light, overall"):
        teach(data, tmp_path / "none", plan=FREE, dimension="dark")


def test_close_pairs_are_ties_of_people_where_that_is_asked(tmp_path: Path) -> None:
    rows = [row | {"gap": gap} for row, gap in zip(pairs(4, sides="a"), (0.1, 0.2, 0.3, 1), strict=True)]
    data = write_rows(tmp_path / "data", rows, pictures=8)
    found, _ = teach(data, tmp_path / "set", plan=FREE.model_copy(update={"tie_gap": 0.2}))
    assert found.card["labels"]["preferred"] == {"a": 2, "tie": 2}


def test_answers_that_cannot_be_read_are_counted_and_calls_that_failed_are_made_again(tmp_path: Path) -> None:
    bad: dict[str, Reply | str | Exception] = {
        "number 0\n": Unavailable("the server is away"),
        "number 1\n": Reply(text="", finish="refusal", refusal="not this"),
        "number 2\n": "no JSON at all",
        "number 3\n": Reply(text='{"observations"', finish="length"),
    }

    def failing(question: Question) -> Reply | str | Exception:
        first = question.sample == 0 and block_of(question)
        found = [said for mark, said in bad.items() if mark in said_to(question)]
        return found[0] if first and found else writer()(question)

    data = write_rows(tmp_path / "data", pairs(4), pictures=8)
    found, _ = teach(data, tmp_path / "set", script=failing, plan=FREE)
    rows = {row["filter"]: (row["came"], row["went"]) for row in found.card["filters"]}
    assert (rows["answer"], rows["drafted"]) == ((8, 4), (4, 4))
    assert found.card["teacher"]["failed_calls"] == 1
    assert check(tmp_path / "set").differing == ()
    again, model = teach(data, tmp_path / "set", plan=FREE)  # the server is back
    assert [question.sample for question in model.asked if block_of(question)] == [0, 0]  # it, and its other order
    assert {row["filter"]: row["went"] for row in again.card["filters"]}["answer"] == 4
    assert again.card["teacher"]["calls"] == found.card["teacher"]["calls"] + len(model.asked) - 1
    assert check(tmp_path / "set").differing == ()


def test_a_teacher_who_likes_the_first_image_is_not_taken_for_a_leak(tmp_path: Path) -> None:
    """Its free answers name Image 1 alone; those that are right argue as the anchored ones do."""

    def first(told: dict[str, Any], question: Question) -> dict[str, Any]:
        if not block_of(question) and "preference" in told:
            words = told["rationale"].partition(" All in all")[0]
            told |= {"preference": "image_1", "rationale": f"{words} All in all Image 1."}
        return told

    data = write_rows(tmp_path / "data", pairs(60), pictures=120)
    plan = Plan(variants=("free",), allow_leakage=True)
    found, _ = teach(data, tmp_path / "set", script=writer(first), plan=plan)
    figure = found.card["leakage"]["auc"]
    assert (figure["n"], figure["total"], figure["note"]) == (60, 120, "of free answers with the right verdict")
    assert figure["value"] < 0.6


def test_a_prompt_with_a_line_separator_of_unicode_is_distilled_and_checked(tmp_path: Path) -> None:
    rows = [row | {"prompt": f"{row['prompt']} one\u2028two\u0085three"} for row in pairs(2)]
    data = write_rows(tmp_path / "data", rows, pictures=4)
    teach(str(data), tmp_path / "set", plan=FREE)
    assert "\u2028" in next(open_set(tmp_path / "set").examples()).prompt
    assert check(tmp_path / "set").differing == ()


def test_whoever_trains_on_a_set_for_research_is_told(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from autorater_evals.training.command import train

    teach("biq2021", tmp_path / "set", folder=photographs(tmp_path / "data", 6), plan=FREE, research=True)
    app = typer.Typer()
    app.command()(train)
    ran = CliRunner().invoke(app, [str(tmp_path / "set"), "--student", "no/such", "--out", str(tmp_path / "out")])
    assert ran.stderr.count("set is for research only, and so is every student of it: biq2021, its owner states") == 1


def test_reward_heads_are_trained_on_such_data_for_research_only(tmp_path: Path) -> None:
    data, settings = photographs(tmp_path / "data", 6), Settings(loss="l1", dimensions=("quality",))
    with pytest.raises(UsageError, match="biq2021 may be trained on for research only: "):
        read_data("biq2021", folder=data, settings=settings, any_count=True)


def test_the_list_and_the_card_tell_on_what_terms_one_may_train(capsys: pytest.CaptureFixture[str]) -> None:
    show_benchmarks({name: get_benchmark(name) for name in ("avt", "biq2021", "psr")})
    show_card(get_benchmark("biq2021"))
    told = capsys.readouterr().out
    rows = {line.split()[0]: line for line in told.splitlines() if line.startswith(("avt ", "biq2021 ", "psr "))}
    for name, state in (("avt", "allowed"), ("biq2021", "research"), ("psr", "forbidden")):
        assert f" {state} " in rows[name]
    assert "may be trained on for research only (--research): its owner states no licence" in told
