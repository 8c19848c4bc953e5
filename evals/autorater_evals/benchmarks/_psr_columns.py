"""The columns of PSR's votes, whose layout was not seen: which headings and which words are understood."""

from collections.abc import Iterable, Mapping
from typing import Any

from autorater.errors import UsageError
from autorater_evals.item import Side

COLUMNS: dict[str, tuple[str, ...]] = {
    "instruction": ("instruction", "simplified_instruction", "edit_instruction", "prompt", "request"),
    "source": ("source_image", "original_image", "input_image", "source", "image_source"),
    "a": ("image_a", "left_image", "edit_a", "candidate_a", "candidate_1", "image_1", "image1", "ai_edited_image"),
    "b": ("image_b", "right_image", "edit_b", "candidate_b", "candidate_2", "image_2", "image2", "human_edited_image"),
}
"""What every row must have: the request, the picture, and its two edits."""
VOTE = ("vote", "winner", "preference", "preferred", "choice", "annotation")
"""One row a vote: what was chosen, and who chose (a column of `RATER`, or nobody)."""
RATER = ("rater", "annotator", "annotator_id", "rater_id", "worker_id", "user_id", "voter")
COUNTS: dict[Side, tuple[str, ...]] = {
    "a": ("votes_a", "left_votes", "votes_left", "ai_votes", "votes_ai"),
    "b": ("votes_b", "right_votes", "votes_right", "human_votes", "votes_human"),
    "tie": ("votes_tie", "tie_votes", "votes_both"),
}
"""One row a pair: how many chose what."""
CHOICES: dict[Side, tuple[str, ...]] = {
    "a": ("a", "left", "leftvote", "image_a", "a_better", "ai", "ai_edited_image"),
    "b": ("b", "right", "rightvote", "image_b", "b_better", "human", "human_edited_image"),
    "tie": ("tie", "tievote", "bothbad_vote", "both", "neither", "equal", "same", "draw"),
}


def column(row: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of `names` that the row has, in any letter case."""
    known = {name.lower(): name for name in row}
    return next((known[name] for name in names if name in known), None)


def required(row: Mapping[str, Any], where: str) -> dict[str, str]:
    """Which of the row's columns holds what every row must have. Raises UsageError that tells what is understood."""
    found = {what: column(row, names) for what, names in COLUMNS.items()}
    for what, name in found.items():
        if name is None:
            raise UsageError(
                f"{where}: no column of the {what} image or text is known among {', '.join(row)}: call it one of "
                f"{', '.join(COLUMNS[what])}"
            )
    return {what: name for what, name in found.items() if name is not None}


def side(word: object, where: str) -> Side:
    """What a vote says. Raises UsageError for a word that is not understood: numbers are too easily read wrongly."""
    folded = str(word).strip().lower().replace(" ", "_")
    for choice, words in CHOICES.items():
        if folded in words:
            return choice
    raise UsageError(f"{where}: expected a vote of 'a', 'b' or 'tie' (or left, ai, human), got {str(word)[:40]!r}")
