"""The ``voicecli`` command: its subcommands, and what every one of them does with errors."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from voicecli import __version__
from voicecli.cli.arguments import with_optional_values
from voicecli.cli.config import config_app
from voicecli.cli.devices import EXAMPLES as DEVICES
from voicecli.cli.devices import devices
from voicecli.cli.doctor import EXAMPLES as DOCTOR
from voicecli.cli.doctor import doctor
from voicecli.cli.help import Command, Group, examples
from voicecli.cli.output import abandon_stdout, defect, flush, tell_error
from voicecli.cli.play import EXAMPLES as PLAY
from voicecli.cli.play import play
from voicecli.cli.say import EXAMPLES as SAY
from voicecli.cli.say import say
from voicecli.cli.serve import EXAMPLES as SERVE
from voicecli.cli.serve import serve
from voicecli.cli.voices import EXAMPLES as VOICES
from voicecli.cli.voices import voices
from voicecli.errors import ExitStatus, VoiceError

EPILOG = """Start with:
  voicecli say "Hello."        it needs no key and no server
  voicecli doctor              tells what works on this machine

Exit status:
  0    everything asked for was heard, or saved
  1    a defect of voicecli
  2    wrong usage
  3    configuration, or the key
  4    network or server: nothing or only a part was spoken
  5    audio that could not be decoded, or that ended early
  6    no usable sound device
  7    a file could not be written
  130  interrupted
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


app.command(cls=Command, epilog=examples(SAY))(say)
app.command(cls=Command, epilog=examples(PLAY))(play)
app.command(cls=Command, epilog=examples(DEVICES))(devices)
app.command(cls=Command, epilog=examples(VOICES), short_help="List the voices of an endpoint.")(
    voices
)
app.command(cls=Command, epilog=examples(DOCTOR), short_help="Check this machine.")(doctor)
app.command(cls=Command, epilog=examples(SERVE), short_help="Serve the built-in voice by HTTP.")(
    serve
)
app.add_typer(config_app, name="config")


def run(argv: list[str]) -> int:
    """Run one command line and return its exit status.

    Faults are told in one message on standard error, defects of ours too: their
    traceback helps nobody but us, and shows with VOICECLI_TRACEBACK=1.
    """
    try:
        return _run(argv)
    except VoiceError as error:
        tell_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last line of defence
        if os.environ.get("VOICECLI_TRACEBACK"):
            import traceback  # noqa: PLC0415  where it is wanted only

            traceback.print_exc()
        tell_error(defect(error))
        return ExitStatus.DEFECT


def _run(argv: list[str]) -> int:
    status: object = ExitStatus.OK
    try:
        app(args=with_optional_values(argv), prog_name="voicecli")
    except SystemExit as exit_:
        status = exit_.code
        if isinstance(exit_.__context__, BrokenPipeError):  # for which typer exits with 1
            abandon_stdout()
            status = ExitStatus.OK
    finally:
        flush()
    return status if isinstance(status, int) else int(status is not None)
