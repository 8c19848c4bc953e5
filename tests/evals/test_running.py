"""Judge a benchmark: recorded, resumed, refused politely, replayed to the digit; the labels never reach the judge."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from command import run as command
from judging import said_to
from rated_pictures import first, make, opened, sees, write
from scripted import Script, ScriptedModel, answer

from autorater.errors import BudgetExceeded, RecordError, UsageError
from autorater.model import Question
from autorater.prices import Price
from autorater.replay import replay
from autorater_evals import compare_runs, evaluate, open_run, score
from autorater_evals.benchmark import Published, get_benchmark
from autorater_evals.printing import show_evaluation
from autorater_evals.recorded import Evaluated
from autorater_evals.running import judge_items, prepare, replayed, sample


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make(tmp_path / "avt")


def judged(data: Path, log: Path, script: Script = sees, **options: Any) -> Evaluated:
    return evaluate("avt", data, log=log, model=ScriptedModel(script), tools="none", cache=False, **options)


def test_a_judge_that_sees_what_people_see_agrees_with_them(data: Path, tmp_path: Path) -> None:
    evaluation = score(judged(data, tmp_path / "log"))
    accuracy = evaluation.find("accuracy_half", part="pairs", dimension="appeal")
    assert accuracy is not None
    assert (accuracy.value, accuracy.n, accuracy.total) == (1.0, 12, 12)
    spearman = evaluation.find("spearman", part="points", dimension="appeal")
    assert spearman is not None
    assert spearman.value is not None
    assert spearman.value > 0.95
    against = evaluation.find("spearman", part="points", dimension="quality")
    assert against is not None
    assert against.value is not None
    assert against.value < -0.95
    assert evaluation.profile.outcomes == {"scored": 24}
    assert evaluation.complete is False
    assert any("a part of the benchmark" in note for note in evaluation.notes)


def test_the_order_decides_nothing_when_both_are_asked(data: Path, tmp_path: Path) -> None:
    evaluation = score(judged(data, tmp_path / "log", first, parts=["pairs"]))
    accuracy = evaluation.find("accuracy_half", part="pairs", dimension="appeal")
    consistency = evaluation.find("position_consistency", part="pairs")
    rate = evaluation.find("first_rate", part="pairs")
    assert accuracy is not None
    assert consistency is not None
    assert rate is not None
    assert (accuracy.value, consistency.value, rate.value) == (0.5, 0.0, 1.0)


def test_labels_and_generators_are_not_told_to_the_judge(data: Path, tmp_path: Path) -> None:
    model = ScriptedModel(sees)
    evaluate("avt", data, log=tmp_path / "log", model=model, tools="none", cache=False)
    told = "\n".join(said_to(question) for question in model.asked)
    assert "scene 0" in told
    assert not any(word in told for word in ("appeal_mean", "p0_alder", "diff_a", "cedar"))


def test_a_run_stopped_by_money_resumes_and_pays_for_nothing_twice(data: Path, tmp_path: Path) -> None:
    price = Price(input_per_million=10_000, output_per_million=0)  # type: ignore[arg-type]
    model = ScriptedModel(sees)
    told: dict[str, Any] = {"log": tmp_path / "log", "model": model, "tools": "none", "cache": False, "price": price}
    with pytest.raises(BudgetExceeded):
        evaluate("avt", data, max_cost=10.0, concurrency=1, **told)
    before = len(model.asked)
    assert 0 < before < 36
    partial = score(open_run(tmp_path / "log"))
    assert partial.profile.outcomes["absent"] > 0
    assert any("not judged yet" in note for note in partial.notes)
    run = evaluate("avt", data, max_cost=1000.0, **told)
    assert len(model.asked) == 36  # 12 ratings, and 12 pairs in two orders
    assert score(run).profile.outcomes == {"scored": 24}


def test_a_replay_gives_the_same_tables_to_the_digit_without_data(data: Path, tmp_path: Path) -> None:
    run = judged(data, tmp_path / "log")
    before = score(run).model_dump_json()
    data.rename(tmp_path / "gone")
    again = open_run(tmp_path / "log")
    found, differing = replayed(again)
    assert not differing
    assert score(again, found).model_dump_json() == before
    assert all(item.identical for item in replay(tmp_path / "log"))
    ran = command("eval", "replay", tmp_path / "log", "--json")
    assert ran.status == 0
    assert ran.json["identical"]
    assert ran.json["evaluation"] == json.loads(before)


def test_a_folder_of_another_evaluation_is_refused(data: Path, tmp_path: Path) -> None:
    judged(data, tmp_path / "log", parts=["points"])
    with pytest.raises(RecordError, match=r"other items \(avt, limit None\).*another --log"):
        judged(data, tmp_path / "log", parts=["pairs"])


def test_two_processes_on_one_log_refuse_politely(data: Path, tmp_path: Path) -> None:
    with opened(sees, tmp_path / "log"), pytest.raises(RecordError, match="another process is writing"):
        judged(data, tmp_path / "log")


def test_unreadable_images_are_counted_and_bound_the_figures(data: Path, tmp_path: Path) -> None:
    (data / "images" / "p0_alder.png").write_bytes(b"no image")
    evaluation = score(judged(data, tmp_path / "log"))
    accuracy = evaluation.find("accuracy_half", part="pairs", dimension="appeal")
    assert accuracy is not None
    assert evaluation.profile.outcomes == {"scored": 21, "unusable": 3}
    assert (accuracy.n, accuracy.total, accuracy.bounds) == (10, 12, (pytest.approx(10 / 12), 1.0))


def test_data_without_one_image_is_one_clear_line(data: Path, tmp_path: Path) -> None:
    for image in (data / "images").iterdir():
        image.unlink()
    with pytest.raises(UsageError, match=r"none of the 12 images of avt .* would be 'images/p0_alder\.png'"):
        judged(data, tmp_path / "log")
    ran = command("eval", "check", "avt", "--data", data, "--json")
    assert ran.json["images_missing"] == 12


def test_a_sample_takes_whole_prompts_and_grows(data: Path) -> None:
    items = get_benchmark("avt").load(data).items["points"]
    small, large = sample(items, 3), sample(items, 7)
    assert {item.cluster for item in small} < {item.cluster for item in large}
    assert len(small) == 3
    assert len(large) == 6
    uneven = [item for item in items if item.id not in ("points/p0_alder", "points/p2_alder", "points/p2_birch")]
    samples = [[item.id for item in sample(uneven, limit)] for limit in range(1, len(items))]
    assert all(set(one) <= set(other) for one, other in pairwise(samples))
    assert sample(items, 2) == sample(items, 3)[:2]
    assert sample(items, None) == list(items)


def test_a_larger_limit_on_the_same_log_pays_only_for_what_is_new(data: Path, tmp_path: Path) -> None:
    model = ScriptedModel(sees)
    told: dict[str, Any] = {
        "log": tmp_path / "log",
        "model": model,
        "tools": "none",
        "cache": False,
        "parts": ["points"],
    }
    assert score(evaluate("avt", data, limit=3, **told)).profile.outcomes == {"scored": 3}
    run = evaluate("avt", data, **told)
    assert len(model.asked) == 12
    assert run.header.limit is None
    assert score(run).profile.outcomes == {"scored": 12}
    with pytest.raises(RecordError, match=r"avt, limit None.*no smaller limit"):
        evaluate("avt", data, limit=3, **told)


def test_ids_and_prompts_may_hold_what_divides_lines(data: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (data / "items.jsonl").read_text().splitlines()]
    rows[0] |= {"id": "tab\tand\nline", "image": "images/gone.png"}
    rows[1]["prompt"] = "a\u2028b\x85c\x0bd"
    write(data / "items.jsonl", rows)
    evaluation = score(judged(data, tmp_path / "log", parts=["points"]))
    assert evaluation.profile.outcomes == {"scored": 11, "unusable": 1}
    assert not any("not judged yet" in note for note in evaluation.notes)
    run = open_run(tmp_path / "log")
    assert "a\u2028b\x85c\x0bd" in [item.prompt for item in run.items.values()]
    assert score(run, replayed(run)[0]) == evaluation
    (run.folder / "unusable.jsonl").write_text('{"id": "tab')
    with pytest.raises(RecordError, match=r"unusable\.jsonl of .* is damaged"):
        score(run)


def test_more_items_than_registered_are_an_error_that_names_both_counts(data: Path) -> None:
    rows = [json.loads(line) for line in (data / "items.jsonl").read_text().splitlines()]
    write(data / "items.jsonl", [{**rows[place % 12], "id": f"i{place}"} for place in range(135)])
    with pytest.raises(UsageError, match=r"points: 134 items expected, 135 found.*--any-count"):
        get_benchmark("avt").load(data)
    assert get_benchmark("avt").load(data, any_count=True).counts["points"]["items"] == 135


def test_refusals_are_counted_and_are_no_score(data: Path, tmp_path: Path) -> None:
    def half(question: Any) -> Any:
        from autorater.model import Reply, Usage

        if question.schema_name == "rating":
            return sees(question)
        return Reply(text="", finish="refusal", refusal="no", usage=Usage(), served_by="s", request_id="r")

    evaluation = score(judged(data, tmp_path / "log", half))
    accuracy = evaluation.find("accuracy_half", part="pairs", dimension="appeal")
    assert accuracy is not None
    assert (accuracy.value, accuracy.n, accuracy.bounds) == (None, 0, (0.0, 1.0))
    assert evaluation.profile.outcomes == {"refused": 12, "scored": 12}


def test_two_runs_are_compared_item_by_item(data: Path, tmp_path: Path) -> None:
    good = judged(data, tmp_path / "good", parts=["pairs"])
    bad = judged(data, tmp_path / "bad", first, parts=["pairs"], order="given")
    found = compare_runs(bad, good)
    (row,) = found.rows
    assert row.first is not None
    assert (row.second, row.items) == (1.0, 12)
    assert row.difference.figure.value == pytest.approx(1 - row.first)
    assert row.comparison is not None
    assert row.comparison.mcnemar is not None
    assert (row.comparison.mcnemar.first_only, row.comparison.mcnemar.second_only) == (0, round(12 * (1 - row.first)))
    ran = command("eval", "compare", tmp_path / "bad", tmp_path / "good")
    assert ran.status == 0
    assert "second - first" in ran.out
    same = compare_runs(good, good).rows[0]
    assert same.difference.figure.value == 0


def test_p_is_adjusted_for_all_differences_that_are_looked_at(tmp_path: Path) -> None:
    def guesses(question: Question) -> str:
        text = question.conversation.pictures()[0].sha256[0]
        return answer(question, score=1 + "0123456789abcdef".index(text) // 2)

    data = make(tmp_path / "more", prompts=8)
    found = compare_runs(judged(data, tmp_path / "one"), judged(data, tmp_path / "two", guesses))
    told = [(row.difference.p, row.adjusted_p) for row in found.rows if row.difference.p is not None]
    assert len(told) > 2
    least = 0.0  # Holm's steps, from the smallest p on: each times how many are left, none below the one before
    for place, (p, adjusted) in enumerate(sorted(told)):
        least = max(least, min(1.0, p * (len(told) - place)))
        assert adjusted == pytest.approx(least)
    assert f"{len(told)} differences are tested" in found.notes[0]
    ran = command("eval", "compare", tmp_path / "one", tmp_path / "two")
    assert "Holm p" in ran.out


def test_runs_of_other_parts_are_compared_in_what_they_share(data: Path, tmp_path: Path) -> None:
    whole, pairs = judged(data, tmp_path / "whole"), judged(data, tmp_path / "pairs", parts=["pairs"])
    found = compare_runs(whole, pairs)
    assert {row.part for row in found.rows} == {"pairs"}
    assert (found.shared, found.only_first, found.only_second) == (12, 12, 0)
    ran = command("eval", "compare", tmp_path / "whole", tmp_path / "pairs")
    assert "12 shared items; left out: 12 only in the first" in ran.out
    for part in ("points", "pears"):
        with pytest.raises(UsageError, match=f"'{part}' is no part of both runs; .*pairs"):
            compare_runs(whole, pairs, parts=[part])


def test_runs_of_different_data_are_not_compared(data: Path, tmp_path: Path) -> None:
    one = judged(data, tmp_path / "one", parts=["points"])
    rows = [json.loads(line) for line in (data / "items.jsonl").read_text().splitlines()]
    rows[0]["human"]["appeal_mean"] = 1.0
    write(data / "items.jsonl", rows)
    other = judged(data, tmp_path / "other", parts=["points"])
    with pytest.raises(UsageError, match="of 'points/p0_alder' differs"):
        compare_runs(one, other)


def test_the_command_records_resumes_and_prints_the_same(data: Path, tmp_path: Path) -> None:
    words = (
        "eval",
        "avt",
        "--data",
        data,
        "--criterion",
        "sharpness.detail",
        "--tools",
        "sharpness",
        "--log",
        tmp_path / "log",
    )
    one, other = command(*words), command(*words)
    assert one.status == other.status == 0
    assert one.out == other.out
    assert "judged by sharpness.detail" in one.out
    assert "12 items" not in one.out.splitlines()[0]
    shown = command("eval", "show", tmp_path / "log", "--full")
    assert "accuracy_strict" in shown.out


def test_what_was_published_stands_with_the_measure_that_it_is_of(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = judged(data, tmp_path / "log", parts=["points"])
    told = tuple(
        Published(part="points", judge=judge, measure=measure, value=value, dimension="appeal", source="here")
        for judge, measure, value in (("Owl", "spearman", 0.625), ("Elk", "kendall_b", 0.5), ("Fox", "kendall_c", 0.25))
    )
    known = replace(run, header=run.header.model_copy(update={"published": told}))
    evaluation = score(known)
    show_evaluation(evaluation, full=False)
    pairs = evaluation.find("concordance", part="points", dimension="appeal")
    assert pairs is not None
    out = capsys.readouterr().out
    assert "spearman: Owl 0.625; kendall_b: Elk 0.500" in out
    assert pairs.n > 12
    assert f", n {pairs.n}" in out  # pairs of images, where the row's n is of images


def test_an_unknown_benchmark_names_the_nearest() -> None:
    ran = command("eval", "avtt", "--data", ".")
    assert ran.status == 2
    assert "did you mean 'avt'?" in ran.err
    ran = command("eval", "shwo", "runs/one", "--json")
    assert (ran.status, ran.json["error"]["kind"]) == (2, "UsageError")
    assert "did you mean 'show'?" in ran.err


def test_a_damaged_run_says_which_line(data: Path, tmp_path: Path) -> None:
    run = judged(data, tmp_path / "log", parts=["points"])
    path = run.folder / "benchmark.jsonl"
    path.write_text(path.read_text().replace('"prompt":"scene 1"', '"prompt":7', 1))
    with pytest.raises(RecordError, match=r"benchmark\.jsonl, line \d+: prompt"):
        open_run(run.folder)
    with pytest.raises(RecordError, match="no evaluated run"):
        open_run(tmp_path)


def test_the_header_tells_the_licence_and_the_counts(data: Path, tmp_path: Path) -> None:
    found = get_benchmark("avt")
    header, items = prepare(found, found.load(data, parts=["points"]), data=data)
    assert (header.licence, header.training_allowed, len(items)) == ("GPL-3.0", True, 12)
    assert header.counts == {"points": {"items": 12, "clusters": 4, "prompts": 4, "images": 12}}
    run, stopped = judge_items(
        header, items, lambda: opened(answer, tmp_path / "log"), data=data, log=tmp_path / "log", concurrency=2
    )
    assert not stopped
    assert run.header == header.model_copy(update={"items": 12})


def test_a_word_that_is_neither_command_nor_benchmark_is_named() -> None:
    told = command("eval", "imagerewardd", "--data", ".")
    assert told.status == 2
    assert "'imagerewardd' is neither a benchmark nor a command of eval" in told.err
    assert "imagereward" in told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "embedded", "--batch-api"], "--batch-api needs a model of "),
        (["--model", "compatible:http://127.0.0.1:9/v1#m", "--batch-api"], "--batch-api needs a model of "),
        (["--criterion", "aesthetc"], "the embedded judge decides by one of overall, "),
    ],
)
def test_wrong_options_are_refused_before_a_record_is_promised(
    data: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    ran = command("eval", "avt", "--data", data, "--any-count", "--log", tmp_path / "run", *words)
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert message in ran.err
    assert "recorded in" not in ran.err
