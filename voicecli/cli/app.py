"""The ``voicecli`` command line: its subcommands and their common error handling."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer
import typer.main

from voicecli import __version__
from voicecli.cli.help import Command, Group
from voicecli.cli.options import with_optional_value
from voicecli.cli.output import (
    flush,
    internal_error,
    print_error,
    print_text,
    redirect_to_null,
    tolerate_locale,
)
from voicecli.errors import ExitStatus, SaveError, VoiceError

if TYPE_CHECKING:
    from voicecli.cli.environment import Environment

EPILOG = """Start with:
  voicecli say "Hello."        no key and no server needed
  voicecli doctor              checks what works on this machine

Exit status:
  0    everything asked for was played, or saved
  1    internal error (please report it)
  2    wrong usage
  3    configuration or authentication
  4    network, server, or a file to play that cannot be read; or the sound had gaps
  5    the audio could not be decoded, or ended early
  6    no usable sound device, or a busy one
  7    a file could not be written
  8    bench: worse than a limit
  130  interrupted

Environment:
  VOICECLI_BASE_URL     server to use if no option names one
  VOICECLI_API_KEY      key for that server; OPENAI_API_KEY is sent to OpenAI only
  VOICECLI_PROFILE      profile to use, instead of default_profile
  VOICECLI_MODEL        model to request if no option names one
  VOICECLI_VOICE        voice to use if no option names one
  VOICECLI_CONFIG       configuration file, instead of the platform's
  VOICECLI_TRACEBACK=1  print the traceback of an internal error
"""

COMMANDS: dict[str, str | None] = {
    "say": None,
    "play": "Play a file or standard input.",
    "stop": "Stop what is being spoken.",
    "pause": "Pause what is being spoken.",
    "resume": "Resume what was paused.",
    "skip": None,
    "back": "Repeat the current sentence.",
    "status": "List what is being spoken and what is queued.",
    "replay": "Repeat the last utterances.",
    "devices": "List the sound devices.",
    "voices": "List the voices of an endpoint.",
    "doctor": "Check this machine.",
    "endpoints": "List speech servers.",
    "serve": "Serve the built-in voice over HTTP.",
    "bench": "Measure a speech server.",
    "config": None,
    "cache": "Show or delete cached answers.",
    "resident": None,
    "mcp": "Let a coding agent speak.",
}
"""The commands in the order of the help, each in the module of its name.

The text replaces the first line of the command's own help in the list of
commands, if that line is too long for it.
"""

_MODULES = {
    "bench": "voicecli.cli.bench.command",
    **dict.fromkeys(("stop", "pause", "resume", "skip", "back", "status"), "voicecli.cli.control"),
}
"""Modules that are not named after their command."""

_COMPLETING = "_VOICECLI_COMPLETE"

_prepared: dict[str, Group] = {}
"""Commands built ahead of use, by a process that stays loaded."""


def _show_version(value: bool) -> None:  # noqa: FBT001  typer's callback shape
    if value:
        print_text(f"voicecli {__version__}\n")
        raise typer.Exit


def _voicecli(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


def make_app(only: str | None = None) -> typer.Typer:
    """Build the command line, with all commands or only one of them.

    typer reads all annotations of every command before it looks at the arguments;
    building only the command that is used saves a dozen milliseconds.
    """
    app = typer.Typer(
        name="voicecli",
        cls=Group,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
        help="Speak text with streamed text-to-speech, and hear it before the server has finished.",
        epilog=EPILOG,
    )
    app.callback()(_voicecli)
    for name, summary in COMMANDS.items():
        if only in (None, name):
            module = importlib.import_module(_MODULES.get(name, f"voicecli.cli.{name}"))
            group = getattr(module, f"{name}_app", None)
            if group is not None:
                app.add_typer(group, name=name, short_help=summary)
            else:
                register = app.command(cls=Command, epilog=module.EXAMPLES, short_help=summary)
                register(getattr(module, name))
    return app


def prepare_command(name: str) -> Group:
    """Return the parser of a command; it is built once, and `run` uses it too."""
    if name not in _prepared:
        command = typer.main.get_command(make_app(name))
        assert isinstance(command, Group)
        _prepared[name] = command
    return _prepared[name]


def run(argv: list[str], environment: Environment | None = None) -> int:
    """Run one command line and return its exit status.

    Args:
        argv: the arguments, without the program's name.
        environment: streams and variables to use instead of the process's own.

    Errors are reported in one message on standard error, internal errors too:
    their traceback is printed only if VOICECLI_TRACEBACK is set.
    """
    with environment.active() if environment else contextlib.nullcontext():
        try:
            return _run(argv)
        except VoiceError as error:
            print_error(error)
            return error.exit_status
        except KeyboardInterrupt:
            return ExitStatus.INTERRUPTED
        except OSError as error:
            return _report_os_error(error, argv)
        except Exception as error:  # noqa: BLE001  the last line of defence
            return _report_internal(error)


def _report_os_error(error: OSError, argv: list[str]) -> ExitStatus:
    """Report a file that typer could not write; any other such error is internal."""
    reason = error.strerror or error
    if "--install-completion" in argv:
        message = f"cannot install the completion: {reason}"
        remedy = "print it with voicecli --show-completion, and add it to your shell"
        print_error(SaveError(message, remedy=remedy))
    elif not {"-h", "--help", "--show-completion"}.isdisjoint(argv):
        print_error(SaveError(f"cannot write standard output: {reason}"))
    else:
        return _report_internal(error)
    return ExitStatus.SAVE


def _report_internal(error: Exception) -> ExitStatus:
    if os.environ.get("VOICECLI_TRACEBACK"):
        import traceback  # noqa: PLC0415  only if asked for

        traceback.print_exception(error)
    reported = internal_error(error)
    print_error(reported)
    return reported.exit_status


def _run(argv: list[str]) -> int:
    status: object = ExitStatus.OK
    tolerate_locale()
    is_named = bool(argv) and argv[0] in COMMANDS and _COMPLETING not in os.environ
    try:
        name = argv[0] if is_named else None
        command = _prepared[name] if name in _prepared else make_app(name)
        command(args=with_optional_value(argv), prog_name="voicecli")
    except SystemExit as exit_:
        status = exit_.code
        if isinstance(exit_.__context__, BrokenPipeError):  # typer exits with 1 for it
            redirect_to_null(sys.stdout)
            status = ExitStatus.OK
    finally:
        flush()
    return status if isinstance(status, int) else int(status is not None)
