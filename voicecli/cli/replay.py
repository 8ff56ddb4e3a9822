"""``voicecli replay``: repeat the last utterances, without a request."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import control_options, options
from voicecli.cli.records import Records
from voicecli.cli.running import ending_if_empty, failing_as_json, run_session
from voicecli.cli.settings import PlaybackFlags, playback_settings
from voicecli.config.file import find_config
from voicecli.control.recent import MAX_FILES, recent_files
from voicecli.control.runtime import RuntimeFolderError, runtime_folder
from voicecli.control.voice_turn import WhenBusy
from voicecli.errors import ConfigError, EmptyText
from voicecli.sources.file import FileSource

if TYPE_CHECKING:
    from voicecli.clock import Clock
    from voicecli.session import Session
    from voicecli.sources.base import Source

EXAMPLES = """Examples:
  voicecli replay            what was spoken last
  voicecli replay 3          the last three, the oldest first
  voicecli replay --all --volume 2
"""


def replay(
    count: Annotated[
        int, typer.Argument(metavar="[N]", min=1, max=MAX_FILES, help="Number of utterances.")
    ] = 1,
    everything: Annotated[bool, typer.Option("--all", help="All that are kept.")] = False,
    device: options.Device = None,
    volume: options.Volume = None,
    when_busy: control_options.WhenBusyChoice = "queue",
    no_keys: control_options.NoKeys = False,
    json_: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Repeat the last utterances of `say` and `play`, without a request.

    The last eight are kept, at most six minutes of each, in a folder that only you can
    read. A restart of the system empties it.
    """
    records = Records(json=json_, quiet=quiet, verbose=verbose)
    records.check()
    with failing_as_json(records):
        config = find_config(os.environ)
        try:
            files = recent_files(runtime_folder())
        except RuntimeFolderError as error:
            raise ConfigError(f"nothing is kept for a replay: {error}") from error
    with ending_if_empty(records):
        if not files:
            raise EmptyText("nothing was spoken since the system started")
    chosen = list(reversed(files if everything else files[:count]))
    settings = playback_settings(
        config,
        PlaybackFlags(device, volume, when_busy=WhenBusy(when_busy), no_keys=no_keys),
        expected_format="wav",
        keeps_audio=False,
        no_play=False,
    )

    def make_sources(_: Session, __: Clock) -> list[Source]:
        return [FileSource(path, format="wav") for path in chosen]

    raise typer.Exit(run_session(settings, records, make_sources, command="replay"))
