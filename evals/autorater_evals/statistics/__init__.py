"""Statistics of agreement with people: pure functions over arrays, each figure with its n, coverage and interval."""
