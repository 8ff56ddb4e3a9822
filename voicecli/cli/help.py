"""How help reads: options in groups, and examples that keep their lines."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

ARGUMENTS = "Arguments"
VOICE = "Voice"
SOUND = "Sound"
SAVING = "Saving"
NETWORK = "Network"
OUTPUT = "Output"
"""The groups' titles, in the order in which `voicecli say` has them."""

_UNGROUPED = "Options"


class Command(TyperCommand):
    """A command whose options stand under the titles in their ``rich_help_panel``.

    typer does that itself only by way of rich, which takes 50 ms to import.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; where a text was taken for an option, tell how to say it."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # typer keeps the class to itself
            is_unknown = type(error).__name__ == "NoSuchOption" and not vars(error)["possibilities"]
            if is_unknown and any(param.nargs == -1 for param in self.params):
                said = f'as in {ctx.command_path} -- "-5 degrees"'
                vars(error)["message"] += f"; text that begins with a dash goes {said}"
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the groups, in the order of their first options."""
        _write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the examples."""
        _write_lines(self.epilog, formatter)


class Group(TyperGroup):
    """A group of commands, with options in groups like a command's; its epilog keeps its lines."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the groups, then the commands."""
        _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write it."""
        _write_lines(self.epilog, formatter)


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    groups: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is None:
            continue
        name, told = record
        if param.param_type_name == "argument":
            title, name = ARGUMENTS, name.partition(" <")[0]  # without Python's type
        else:
            title = getattr(param, "rich_help_panel", None) or _UNGROUPED
        groups.setdefault(title, []).append((name, told))
    for title, rows in groups.items():
        with formatter.section(title):
            formatter.write_dl(rows)


def _write_lines(text: str | None, formatter: Any) -> None:
    """As it stands; the formatter would fill the lines into paragraphs."""
    if text:
        formatter.write_paragraph()
        formatter.write(text.rstrip() + "\n")


def examples(text: str) -> str:
    """Examples without the empty lines that keep them apart where paragraphs are filled."""
    return text.replace("\n\n", "\n")
