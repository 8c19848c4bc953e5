"""`python -m autorater` is the command `autorater`."""

from autorater.cli import main

main()
