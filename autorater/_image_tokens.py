"""How providers count the tokens of an image. Widths and heights are in pixels."""

from math import ceil, sqrt


def patches(width: int, height: int, *, multiplier: float, side: int = 2048, budget: int = 2500) -> int:
    """OpenAI, detail "high": patches of 32 pixels after fitting in `side` and shrinking to `budget` patches."""
    scale = min(1.0, side / max(width, height))
    wide, high = int(width * scale), int(height * scale)
    if ceil(wide / 32) * ceil(high / 32) > budget:
        shrink = sqrt(32**2 * budget / (wide * high))
        columns, rows = wide * shrink / 32, high * shrink / 32
        shrink *= min(int(columns) / columns, int(rows) / rows)
        wide, high = int(wide * shrink), int(high * shrink)
    # The published counts are whole: 1024 patches x 1.2 are 1229 tokens, not 1229.0000001 rounded up.
    return ceil(round(max(1, ceil(wide / 32)) * max(1, ceil(high / 32)) * multiplier, 6))


def tiles(width: int, height: int, *, base: int, each: int) -> int:
    """OpenAI's older models, detail "high": fitted in 2048, shortest side to 768, tiles of 512 pixels."""
    scale = min(1.0, 2048 / max(width, height))
    wide, high = width * scale, height * scale
    scale = min(1.0, 768 / min(wide, high))
    return base + each * ceil(round(wide * scale) / 512) * ceil(round(high * scale) / 512)


def squares(width: int, height: int, *, edge: int, budget: int) -> int:
    """Anthropic: squares of 28 pixels after the provider's resize (`squares_size`)."""
    wide, high = squares_size(width, height, edge=edge, budget=budget)
    return ceil(wide / 28) * ceil(high / 28)


def squares_size(width: int, height: int, *, edge: int, budget: int) -> tuple[int, int]:
    """Anthropic: the largest size of the same shape whose padded edges and squares are within the limits."""

    def size(long: int) -> tuple[int, int]:
        short = max(1, int(min(width, height) * long / max(width, height) + 0.5))  # a half goes up: 2000x1500
        return (long, short) if width >= height else (short, long)

    def within(long: int) -> bool:
        wide, high = size(long)
        columns, rows = ceil(wide / 28), ceil(high / 28)
        return max(columns, rows) * 28 <= edge and columns * rows <= budget

    low, high = 1, max(width, height)
    if within(high):
        return width, height
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if within(middle) else (low, middle)
    return size(low)
