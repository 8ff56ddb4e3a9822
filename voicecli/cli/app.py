"""The ``voicecli`` command: its subcommands, and what every one of them does with errors."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated

import typer

from voicecli import __version__
from voicecli.cli.arguments import with_optional_values
from voicecli.cli.help import Command, Group, examples
from voicecli.cli.output import abandon, flush, internal_error, print_error, tolerate_locale
from voicecli.errors import ExitStatus, SaveError, VoiceError

EPILOG = """Start with:
  voicecli say "Hello."        it needs no key and no server
  voicecli doctor              tells what works on this machine

Exit status:
  0    everything asked for was heard, or saved
  1    a defect of voicecli
  2    wrong usage
  3    configuration, or the key
  4    network, server or file to play: nothing or only a part was spoken, or with gaps
  5    audio that could not be decoded, or that ended early
  6    no usable sound device
  7    a file could not be written
  8    bench: worse than a limit that was set
  130  interrupted

Environment:
  VOICECLI_BASE_URL     server to speak with, where no option names one
  VOICECLI_API_KEY      key for it; OPENAI_API_KEY goes to OpenAI alone
  VOICECLI_CONFIG       configuration file, in place of the platform's
  VOICECLI_TRACEBACK=1  shows where a defect happened
"""

COMMANDS: dict[str, str | None] = {
    "say": None,
    "play": None,
    "devices": None,
    "voices": "List the voices of an endpoint.",
    "doctor": "Check this machine.",
    "serve": "Serve the built-in voice by HTTP.",
    "bench": None,
    "config": None,
}
"""The commands, each in the module of its name, in the order of the help.

The text is for the list of commands, where the first line of the command's own
help is too long for it.
"""

_MODULES = {"bench": "voicecli.cli.bench.command"}
"""Where a command is whose module is not named after it alone."""

_COMPLETING = "_VOICECLI_COMPLETE"


def _show_version(value: bool) -> None:  # noqa: FBT001  typer's callback shape
    if value:
        typer.echo(f"voicecli {__version__}")
        raise typer.Exit


def _voicecli(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


def make_app(only: str | None = None) -> typer.Typer:
    """The command line, with all its commands, or with ``only`` one of them.

    typer builds every command that it is given, reading all its annotations,
    before it looks which one is wanted: a dozen milliseconds for nothing.
    """
    app = typer.Typer(
        name="voicecli",
        cls=Group,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
        help="Speak text with streamed text-to-speech: heard before the server has finished.",
        epilog=EPILOG,
    )
    app.callback()(_voicecli)
    for name, summary in COMMANDS.items():
        if only in (None, name):
            module = importlib.import_module(_MODULES.get(name, f"voicecli.cli.{name}"))
            group = getattr(module, f"{name}_app", None)
            if group is not None:
                app.add_typer(group, name=name)
            else:
                register = app.command(
                    cls=Command, epilog=examples(module.EXAMPLES), short_help=summary
                )
                register(getattr(module, name))
    return app


def run(argv: list[str]) -> int:
    """Run one command line and return its exit status.

    Faults are told in one message on standard error, defects of ours too: their
    traceback helps nobody but us, and shows with VOICECLI_TRACEBACK=1.
    """
    try:
        return _run(argv)
    except VoiceError as error:
        print_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except OSError as error:
        if "--install-completion" not in argv:  # which is typer's own
            return _tell_defect(error)
        print_error(
            SaveError(
                f"the completion cannot be installed: {error.strerror or error}",
                remedy="voicecli --show-completion prints it, to be put where your shell looks",
            )
        )
        return ExitStatus.SAVE
    except Exception as error:  # noqa: BLE001  the last line of defence
        return _tell_defect(error)


def _tell_defect(error: Exception) -> ExitStatus:
    if os.environ.get("VOICECLI_TRACEBACK"):
        import traceback  # noqa: PLC0415  where it is wanted only

        traceback.print_exception(error)
    print_error(internal_error(error))
    return ExitStatus.INTERNAL


def _run(argv: list[str]) -> int:
    status: object = ExitStatus.OK
    tolerate_locale()
    is_named = bool(argv) and argv[0] in COMMANDS and _COMPLETING not in os.environ
    try:
        app = make_app(argv[0] if is_named else None)
        app(args=with_optional_values(argv), prog_name="voicecli")
    except SystemExit as exit_:
        status = exit_.code
        if isinstance(exit_.__context__, BrokenPipeError):  # for which typer exits with 1
            abandon(sys.stdout)
            status = ExitStatus.OK
    finally:
        flush()
    return status if isinstance(status, int) else int(status is not None)
