"""VisionReward's formula against its published values, and the questions against asking them one by one."""

from pathlib import Path
from typing import Any, cast

import pytest

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("torchvision")

from tiny_lmm import build_vqascore, images, pictures  # noqa: E402

from autorater.assessment import Declined, Measured  # noqa: E402
from autorater.errors import SpecialistError  # noqa: E402
from autorater.toolbox import View, checked  # noqa: E402
from autorater_tools._level_words import yes_over_no  # noqa: E402
from autorater_tools._weights import own_card  # noqa: E402
from autorater_tools.visionreward_questions import (  # noqa: E402
    QUESTIONS,
    VisionrewardQuestions,
    faults,
    weighted,
)

ROUNDED = 2e-4
"""The published weights are known to four digits."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("visionreward")
    build_vqascore(folder)
    return folder


def answers(*, gates: float, others: float) -> list[float]:
    return [gates] * 3 + [others] * 27


def test_the_formula_gives_the_published_values() -> None:
    assert len(QUESTIONS) == 30
    assert weighted(answers(gates=1, others=1), 0.8) == pytest.approx(4.420337, abs=ROUNDED)
    assert weighted(answers(gates=0, others=0), 0.2) == pytest.approx(-1.691083, abs=ROUNDED)
    assert weighted(answers(gates=0, others=1), 0.8) == pytest.approx(4.045372, abs=ROUNDED)


def test_certain_answers_give_the_same_when_summed_softly() -> None:
    for gates in (0, 1):
        for others in (0, 1):
            given = answers(gates=gates, others=others)
            assert weighted(given, 0.3, soft=True) == pytest.approx(weighted(given, 0.3))


def test_a_closed_gate_silences_its_questions_only() -> None:
    for gate, held in {0: (22, 23, 24, 28, 29), 1: (25, 26), 2: (27,)}.items():
        given = answers(gates=1, others=1)
        given[gate] = 0.4
        lost = sum(QUESTIONS[index][1] for index in held)
        assert weighted(given, 0) == pytest.approx(weighted(answers(gates=1, others=1), 0) - lost)


def test_scores_stay_within_the_card() -> None:
    quantity = own_card("visionreward_questions").quantity("score")
    assert quantity.low is not None
    assert quantity.high is not None
    assert quantity.low <= weighted(answers(gates=1, others=0), 0)
    assert weighted(answers(gates=1, others=1), 1) <= quantity.high


def test_faults_are_the_heaviest_open_ones() -> None:
    given = answers(gates=0, others=1)
    given[10], given[3], given[27] = 0.1, 0.2, 0.0  # empty, not symmetrical; bad hands where none are seen
    assert faults(given) == ["Is the image not empty? (0.10)", "Is the image symmetrical? (0.20)"]
    assert faults(answers(gates=1, others=1)) == []


@pytest.mark.parametrize("soft", [False, True])
def test_gives_what_asking_one_by_one_gives(store: Path, soft: bool) -> None:
    specialist = VisionrewardQuestions(weights=store, soft=soft)
    model = specialist.model
    outcomes = specialist([View(image=picture, prompt="a red cat") for picture in pictures()])
    for image, outcome in zip(images(), outcomes, strict=True):
        texts = [f"{question} Please answer yes or no." for question, _ in QUESTIONS]
        texts.append('Does this figure show "a red cat"? Please answer yes or no.')
        logits = torch.cat([model.next_logits([image], [model.prompt(text)]) for text in texts])
        shares, masses = yes_over_no(logits, specialist.yes, specialist.no)
        found = cast(Measured, checked(own_card("visionreward_questions"), outcome))
        expected = [weighted(shares[:-1], shares[-1], soft=soft), shares[-1], sum(masses) / 31]
        assert [reading.value for reading in found.readings] == pytest.approx(expected, abs=1e-4)


def test_the_image_is_looked_at_once(store: Path) -> None:
    specialist = VisionrewardQuestions(weights=store)
    looks: list[int] = []

    def note(module: Any, given: Any, output: Any) -> None:
        looks.append(1)

    specialist.model.network.model.visual.register_forward_hook(note)
    specialist([View(image=picture, prompt="a red cat") for picture in pictures()])
    assert len(looks) == 3


def test_a_prompt_is_needed(store: Path) -> None:
    specialist = VisionrewardQuestions(weights=store)
    with pytest.raises(SpecialistError, match="the prompt is needed"):
        specialist([View(image=pictures()[0])])
    assert isinstance(specialist([View(image=pictures()[0], prompt=" ")])[0], Declined)
