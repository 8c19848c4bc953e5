"""From judgments and people's labels to figures: `score` makes the evaluation of a run."""

from autorater_evals.scoring.scorer import score, score_answers

__all__ = ["score", "score_answers"]
