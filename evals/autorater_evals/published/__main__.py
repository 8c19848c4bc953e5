"""`python -m autorater_evals.published --data DIR [--json]`."""

import sys

import typer

from autorater.errors import AutoRaterError, one_line
from autorater_evals.published.command import published

if __name__ == "__main__":
    try:
        typer.run(published)
    except AutoRaterError as error:
        sys.stderr.write(f"{one_line(error)}\n")
        sys.exit(2)
