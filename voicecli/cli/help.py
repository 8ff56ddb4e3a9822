"""Lay out the help: options under panel titles, examples line by line."""

from __future__ import annotations

import contextlib
import shutil
import sys
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

from voicecli.cli.layout import example, terminal_width, wrap
from voicecli.cli.library_output import hidden_library_output
from voicecli.cli.output import print_message
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

ARGUMENTS = "Arguments"
TEXT = "Text"
VOICE = "Voice and server"
FORMAT = "Format"
PLAYBACK = "Playback"
SAVING = "Saving"
MEASUREMENT = "Measurement"
TIMING = "Timing"
CONTROL = "Control"
NETWORK = "Network"
OUTPUT = "Output"
DIAGNOSTICS = "Diagnostics"

_PANELS = (
    *(ARGUMENTS, TEXT, VOICE, FORMAT, PLAYBACK, SAVING, MEASUREMENT),
    *(TIMING, CONTROL, NETWORK, OUTPUT, DIAGNOSTICS),
)
"""The titles of panels in the order of help; what people need first comes first."""

_FILES = (ARGUMENTS, TEXT, SAVING, DIAGNOSTICS)
"""The panels whose options name files."""

_MAX_SHOWN = 40
"""Characters of a text that are shown in a message."""


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
            title = getattr(param, "rich_help_panel", None)
            if param.param_type_name == "argument":
                title, name = title or ARGUMENTS, name.partition(" <")[0]  # without the Python type
            panels.setdefault(title or "Options", []).append((name, text))
        for title in (*_PANELS, *(title for title in panels if title not in _PANELS)):
            if title in panels:
                with formatter.section(title):
                    formatter.write_dl(panels[title])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        epilog: str | None = self.epilog  # type: ignore[attr-defined]  # of typer's class
        if epilog:  # written as it is: the formatter would join its lines
            formatter.write_paragraph()
            width = shutil.get_terminal_size().columns
            for line in epilog.rstrip().split("\n"):
                formatter.write("\n".join(example(line, width)) + "\n")


def _is_option(argument: str, names: list[str]) -> bool:
    """Whether an argument is one of an option's names, with or without its value."""
    return any(
        argument == name or argument.startswith(f"{name}=" if name.startswith("--") else name)
        for name in names
    )


class Command(_Panels, TyperCommand):
    """A command with options in panels."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; if an unknown option may be text to speak, explain how to pass it."""
        given = list(args)  # a copy: parsing empties the list
        try:
            rest = super().parse_args(ctx, args)
            self._mention_repeated(ctx, given)
            return rest
        except Exception as error:  # typer does not export the class
            found = vars(error)
            is_unknown = type(error).__name__ == "NoSuchOption" and (
                not found["possibilities"] or " " in found["option_name"]
            )
            if is_unknown and any(param.name == "text" for param in self.params):
                example = f'{ctx.command_path} -- "-5 degrees"'
                vars(error)["message"] += f"; put -- before text that begins with a dash: {example}"
            raise

    def _mention_repeated(self, ctx: Any, args: list[str]) -> None:
        """Print a warning for each file that was named twice, of which the last one counts."""
        if ctx.params.get("quiet") or ctx.resilient_parsing:
            return
        args = args[: args.index("--")] if "--" in args else args
        for param in self.params:
            if getattr(param, "rich_help_panel", None) in _FILES and param.metavar == "FILE":
                count = sum(_is_option(arg, param.opts) for arg in args)
                if count > 1 and not param.multiple:
                    message = f"{param.opts[0]} was given {count} times: only the last one counts"
                    print_message(f"warning: {message}")

    def invoke(self, ctx: Any) -> Any:
        """Run the command, hiding what libraries print unless ``--verbose`` was given."""
        if ctx.params.get("verbose"):
            return super().invoke(ctx)
        with hidden_library_output():
            return super().invoke(ctx)


class Group(_Panels, TyperGroup):
    """A group of commands, with its own options in panels."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the panels, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the command."""
        with _fitted_errors():
            try:
                return super().parse_args(ctx, args)
            except Exception as error:
                if type(error).__name__ == "NoSuchOption" and ctx.parent is None:
                    vars(error)["message"] += "; options follow the command: voicecli say …"
                raise

    def invoke(self, ctx: Any) -> Any:
        """Parse the rest and run the command."""
        with _fitted_errors():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; if there is none, suggest ``say`` or ``play``."""
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            message = vars(error).get("message", "")
            if ctx.parent is None and message and "Did you mean" not in message:
                vars(error)["message"] = f"{message} Did you mean `{_meant(args)}`?"
            raise


def _meant(args: list[str]) -> str:
    """Return the command line that was probably meant."""
    import shlex  # noqa: PLC0415  only after a mistake

    from voicecli.codecs.formats import codec_for_suffix  # noqa: PLC0415  likewise

    if len(args) == 1 and codec_for_suffix(args[0]):
        return f"voicecli play {shlex.quote(args[0])}"
    text = " ".join(args)
    shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
    return f'voicecli say "{clean(shown)}"'


@contextlib.contextmanager
def _fitted_errors() -> Iterator[None]:
    """Wrap usage errors between words if they go to a terminal."""
    try:
        yield
    except Exception as error:
        message = getattr(error, "format_message", str)()
        if hasattr(error, "format_message") and "\n" not in message:  # else it is the help
            lines = wrap(f"Error: {message}", terminal_width(sys.stderr))
            fitted = "\n".join(lines).removeprefix("Error: ")
            error.format_message = lambda: fitted
        raise
