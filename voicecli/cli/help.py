"""Lay out the help: options under panel titles, examples line by line."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

ARGUMENTS = "Arguments"
"""The title of the panel of positional arguments."""


class _Panels:
    """Groups options under the titles in their ``rich_help_panel``.

    typer does this only with rich, which takes 50 ms to import.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):  # type: ignore[attr-defined]  # of typer's class
            record = param.get_help_record(ctx)
            if record is None:
                continue
            name, text = record
            if param.param_type_name == "argument":
                title, name = ARGUMENTS, name.partition(" <")[0]  # without the Python type
            else:
                title = getattr(param, "rich_help_panel", None) or "Options"
            panels.setdefault(title, []).append((name, text))
        for title, rows in panels.items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        epilog: str | None = self.epilog  # type: ignore[attr-defined]  # of typer's class
        if epilog:  # written as it is: the formatter would join its lines
            formatter.write_paragraph()
            formatter.write(epilog.rstrip() + "\n")


class Command(_Panels, TyperCommand):
    """A command with options in panels."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; if an unknown option may be text to speak, explain how to pass it."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # typer does not export the class
            is_unknown = type(error).__name__ == "NoSuchOption" and not vars(error)["possibilities"]
            if is_unknown and any(param.nargs == -1 for param in self.params):
                example = f'{ctx.command_path} -- "-5 degrees"'
                vars(error)["message"] += f"; put -- before text that begins with a dash: {example}"
            raise


class Group(_Panels, TyperGroup):
    """A group of commands, with its own options in panels."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the panels, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)
