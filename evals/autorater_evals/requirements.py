"""The packages that evaluations need besides, said before the work and not after it."""

from importlib.util import find_spec

from autorater.errors import MissingExtraError

PACKAGES = ("scipy", "sklearn", "statsmodels", "evalica", "pandas", "matplotlib")


def require_statistics() -> None:
    """Raise MissingExtraError unless the statistics can be computed; imports nothing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"the statistics of evaluations ({', '.join(missing)})", extra="evals")
