"""The benchmarks: a module with `load(folder)` and a card each. Files that begin with `_` are shared."""
