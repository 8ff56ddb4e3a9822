"""The ``voicecli`` command: its subcommands, and what every one of them does with errors."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from voicecli import __version__
from voicecli.cli.arguments import with_optional_values
from voicecli.cli.config import config_app
from voicecli.cli.devices import devices
from voicecli.cli.doctor import doctor
from voicecli.cli.output import tell_error
from voicecli.cli.play import play
from voicecli.cli.say import say
from voicecli.cli.voices import voices
from voicecli.display import clean
from voicecli.errors import ExitStatus, VoiceError

app = typer.Typer(
    name="voicecli",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    help="Speak text with streamed text-to-speech: heard before the server has finished.",
    epilog=(
        'Start with: voicecli say "Hello." It needs no key and no server. '
        "`voicecli doctor` tells what works on this machine."
    ),
)


def _show_version(value: bool) -> None:  # noqa: FBT001  typer's callback shape
    if value:
        typer.echo(f"voicecli {__version__}")
        raise typer.Exit


@app.callback()
def _voicecli(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


app.command()(say)
app.command()(play)
app.command()(devices)
app.command()(voices)
app.command()(doctor)
app.add_typer(config_app, name="config")


def run(argv: list[str]) -> int:
    """Run one command line and return its exit status.

    Faults are told in one message on standard error, defects of ours too: their
    traceback helps nobody but us, and shows with VOICECLI_TRACEBACK=1.
    """
    try:
        app(args=with_optional_values(argv), prog_name="voicecli")
    except SystemExit as exit_:
        return _status(exit_.code)
    except VoiceError as error:
        tell_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left: nobody to tell, and nothing else is wrong.
        sys.stderr.close()
        return ExitStatus.OK
    except Exception as error:  # noqa: BLE001  the last line of defence
        if os.environ.get("VOICECLI_TRACEBACK"):
            traceback.print_exc()
        tell_error(_defect(error))
        return ExitStatus.DEFECT
    return ExitStatus.OK


def _defect(error: Exception) -> VoiceError:
    """An exception that nobody foresaw, as an error that can be told."""
    said = clean(f"{type(error).__name__}: {error}")
    return VoiceError(
        f"a defect of voicecli: {said}",
        remedy="please report it, with what VOICECLI_TRACEBACK=1 shows",
    )


def _status(code: object) -> int:
    return code if isinstance(code, int) else int(code is not None)
