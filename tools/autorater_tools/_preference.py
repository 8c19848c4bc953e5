"""What two rewards say of a pair: the models of preference of Bradley and Terry, and of Zhang et al."""

from torch import Tensor


def lead(one: Tensor, other: Tensor) -> Tensor:
    """How far `one` is ahead of `other`: rewards (…, numbers) → (…); swapped, the sign changes and nothing else.

    One number: the difference (Bradley and Terry, 1952; paper 002, eq. 1). An even number: the general preference model
    (Zhang et al., "General Preference Modeling with Preference Representations", arXiv 2410.02197, eq. 5): the inner
    product of the turned first with the second, Σ (a₂ₖ b₂ₖ₊₁ - a₂ₖ₊₁ b₂ₖ), which may be intransitive. Its operator is
    block-diagonal with blocks ((0, -1), (1, 0)) and so skew-symmetric, as in paper 002 ("Multimodal LLMs as Customized
    Reward Models", eq. 2), which has it for two numbers; its authors' code has the same blocks for more.
    """
    if one.shape[-1] == 1:
        return (one - other)[..., 0]
    return (one[..., 0::2] * other[..., 1::2] - one[..., 1::2] * other[..., 0::2]).sum(-1)
