"""Pick-a-Pic v1 test: pairs of generations that users of an app chose from."""

from autorater_evals.benchmarks._pickapic import load

__all__ = ["load"]
