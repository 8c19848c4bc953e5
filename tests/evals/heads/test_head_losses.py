"""The head and the losses of papers 002 and 003 against values computed by hand, and the symmetry of preferences."""

import math

import pytest
import torch
from torch import Tensor

from autorater_evals.heads.losses import level_loss, level_of, opinion_loss, ranking_loss, truth_loss
from autorater_tools._preference import lead
from autorater_tools._skip_attention import SkipAttention, preference


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def tensor(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows)


def test_skipca_is_what_a_hand_computes() -> None:
    """Width 2, two image tokens: W_q turns, W_k doubles, W_v is the identity."""
    head = SkipAttention(
        {
            "W_q": tensor((0.0, 1.0), (1.0, 0.0)),
            "W_k": tensor((2.0, 0.0), (0.0, 2.0)),
            "W_v": tensor((1.0, 0.0), (0.0, 1.0)),
            "ca_layernorm": torch.tensor([1.0, 3.0]),
            "value_head": tensor((1.0, -1.0), (0.5, 2.0)),
        },
        crossed=True,
    )
    last, seen = torch.tensor([1.0, 2.0]), tensor((1.0, 0.0), (0.0, 1.0))
    # The query is (2, 1), the keys (2, 0) and (0, 2): scores 4 / √2 and 2 / √2.
    first = sigmoid((4 - 2) / math.sqrt(2))
    mixed = (1 + first, 2 + (1 - first))
    size = math.sqrt((mixed[0] ** 2 + mixed[1] ** 2) / 2 + 1e-6)
    normed = (mixed[0] / size * 1, mixed[1] / size * 3)
    expected = [normed[0] - normed[1], 0.5 * normed[0] + 2 * normed[1]]
    assert list(map(float, head(last, seen))) == pytest.approx(expected, abs=1e-6)
    plain = SkipAttention(head.tensors, crossed=False)
    assert list(map(float, plain(last, seen))) == pytest.approx([-1.0, 4.5])


def test_the_ranking_loss_of_one_number_is_bradley_and_terry() -> None:
    chosen, rejected = tensor((0.3,), (1.0,)), tensor((0.1,), (1.5,))
    by_hand = (-math.log(sigmoid(0.2 / 0.1)) - math.log(sigmoid(-0.5 / 0.1))) / 2
    assert float(ranking_loss(chosen, rejected, temperature=0.1)) == pytest.approx(by_hand, abs=1e-6)


def test_the_ranking_loss_of_two_numbers_has_the_vector_of_the_recipe() -> None:
    chosen, rejected = tensor((1.0, 0.5)), tensor((0.2, 0.8))
    assert float(lead(chosen, rejected) / 0.1) == pytest.approx(7.0, abs=1e-5)
    assert preference(chosen[0], rejected[0], temperature=0.1) == pytest.approx(0.999089, abs=1e-6)
    assert float(ranking_loss(chosen, rejected, temperature=0.1)) == pytest.approx(-math.log(sigmoid(7)), abs=1e-6)


def test_four_numbers_are_two_planes() -> None:
    chosen, rejected = tensor((1.0, 0.5, 2.0, -1.0)), tensor((0.2, 0.8, 3.0, 0.5))
    assert float(lead(chosen, rejected)) == pytest.approx(1 * 0.8 - 0.5 * 0.2 + 2 * 0.5 - (-1) * 3)


@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_a_preference_is_skew_symmetric(size: int) -> None:
    random = torch.Generator().manual_seed(size)
    one, other = (torch.randn(50, size, generator=random) for _ in range(2))
    assert torch.equal(lead(one, other), -lead(other, one))
    assert torch.equal(lead(one, one), torch.zeros(50))
    if size > 1:
        operator = torch.kron(torch.eye(size // 2), torch.tensor([[0.0, -1.0], [1.0, 0.0]]))
        assert torch.equal(operator, -operator.T)
        assert torch.allclose(lead(one, other), ((one @ operator.T) * other).sum(-1), atol=1e-6)


def test_two_numbers_can_run_in_a_circle_and_one_cannot() -> None:
    points = [torch.tensor([math.cos(turn), math.sin(turn)]) for turn in (0.0, 2.1, 4.2)]
    assert all(float(lead(points[place], points[(place + 1) % 3])) > 0 for place in range(3))
    heights = [point[:1] for point in points]
    assert not all(float(lead(heights[place], heights[(place + 1) % 3])) > 0 for place in range(3))


def test_the_loss_of_truths_is_cross_entropy() -> None:
    """Half of L_CE, which adds up the chosen and the rejected image of a pair."""
    rewards = tensor((1.2,), (-0.4,))
    by_hand = -(math.log(sigmoid(1.2)) + math.log(1 - sigmoid(-0.4)))
    assert float(truth_loss(rewards, torch.tensor([1.0, 0.0]))) == pytest.approx(by_hand / 2, abs=1e-6)


def test_the_loss_of_opinions_is_the_mean_distance() -> None:
    assert float(opinion_loss(tensor((0.2,), (0.9,)), torch.tensor([0.5, 0.8]))) == pytest.approx(0.2, abs=1e-6)


def test_the_loss_of_levels_is_that_of_the_next_token() -> None:
    logits = tensor((1.0, 2.0, 0.0))
    by_hand = -math.log(math.exp(2) / (math.e + math.exp(2) + 1))
    assert float(level_loss(logits, [1])) == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize(
    ("score", "level"), [(0, 0), (20, 0), (20.001, 1), (40, 1), (60, 2), (80, 3), (80.1, 4), (100, 4)]
)
def test_a_level_is_a_fifth_of_the_scale_with_its_upper_end(score: float, level: int) -> None:
    assert level_of(score, low=0, high=100) == level


def test_ends_that_no_float_holds_fall_into_the_lower_level() -> None:
    assert level_of(1 + 0.8 * 3, low=1, high=5) == 2
    assert [level_of(1.0 + 0.8 * step, low=1, high=5) for step in range(1, 6)] == [0, 1, 2, 3, 4]
