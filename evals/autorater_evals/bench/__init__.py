"""Benches of speed and memory: `python -m autorater_evals.bench NAME|all [--quick] [--json]`.

Every figure is a ratio or a minimum from one run on one machine, printed beside its bar; see `evals/BENCHMARKS.md`.
"""
