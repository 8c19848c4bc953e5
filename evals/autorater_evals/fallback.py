"""A group of commands whose first word may be left out: `autorater eval NAME …` is `autorater eval run NAME …`."""

from typing import Any

from typer.core import TyperGroup


class Fallback(TyperGroup):
    """Every first word that is no command is an argument of the command `run`."""

    def known(self, word: str) -> None:
        """Raise UsageError where `word` can be no argument of `run`; here every word can."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of these words."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            self.known(args[0])
            args = ["run", *args]
        return super().resolve_command(ctx, args)
