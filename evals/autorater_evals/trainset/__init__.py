"""Training sets of judgments: examples that hold what a judge is shown and what it should answer, and their images."""

from autorater_evals.trainset.example import Example, Label, Piece, Rejected
from autorater_evals.trainset.store import TrainSet, open_set, write_set

__all__ = ["Example", "Label", "Piece", "Rejected", "TrainSet", "open_set", "write_set"]
