"""Numbers of things in sentences."""


def many(number: int, thing: str) -> str:
    """As in "1 pair", "2,000 pairs"; `thing` is the word for one, whose plural ends in s."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
