"""``voicecli play``: play a file or standard input, in any of the six formats."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import control_options, options
from voicecli.cli.records import Records
from voicecli.cli.running import failing_as_json, run_session
from voicecli.cli.settings import PlaybackFlags, keep_resident, playback_settings
from voicecli.cli.unused_options import unused_without_sound
from voicecli.codecs.formats import codec_for_suffix, raw_media_type
from voicecli.config.file import find_config
from voicecli.control.voice_turn import WhenBusy
from voicecli.session.fetcher import FetchLimits
from voicecli.sources.file import STDIN, FileSource

if TYPE_CHECKING:
    from voicecli.clock import Clock
    from voicecli.session import Session
    from voicecli.sources.base import Source

EXAMPLES = """Examples:
  voicecli play hello.wav
  curl -sN https://example.com/talk.mp3 | voicecli play -
  voicecli play - --format pcm --sample-rate 22050 < raw.pcm
"""


def play(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="File to play; `-` is standard input.")
    ],
    format: options.Format = None,
    sample_rate: options.SampleRate = None,
    device: options.Device = None,
    volume: options.Volume = None,
    buffer_ms: options.BufferMs = None,
    latency_ms: options.LatencyMs = None,
    preroll_ms: options.PrerollMs = None,
    when_busy: control_options.WhenBusyChoice = "queue",
    no_keys: control_options.NoKeys = False,
    no_resident: control_options.NoResident = False,
    save: options.Save = None,
    save_as: options.SaveAs = None,
    no_play: options.NoPlay = False,
    fail_on_underrun: options.FailOnUnderrun = False,
    json_: options.Json = False,
    event_log: options.EventLogFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Play a file while it is being read: pcm, wav, opus, mp3, aac or flac.

    The format is recognised by the first bytes; only raw PCM needs --format.
    """
    if file == STDIN and sys.stdin is not None and sys.stdin.isatty():
        raise typer.BadParameter("nothing to play: name a file, or pipe audio into the command")
    if "://" in file and not os.path.exists(file):  # noqa: PTH110  never raises
        shown = "URL" if "@" in file else file  # a password precedes the @
        raise typer.BadParameter(
            f"play reads files; for a URL use: curl -sN {shown} | voicecli play -"
        )
    records = Records(
        save, None, event_log, json_, quiet, verbose, fail_on_underrun, save_as=save_as
    )
    records.check()
    with failing_as_json(records):
        config = find_config(os.environ)
    flags = PlaybackFlags(
        device, volume, buffer_ms, preroll_ms, when_busy=WhenBusy(when_busy),
        no_keys=no_keys, latency_ms=latency_ms,
    )  # fmt: skip
    for warning in unused_without_sound(flags) if no_play else ():
        records.warn(warning)
    settings = playback_settings(
        config,
        flags,
        expected_format=format,
        keeps_audio=records.keeps_audio,
        no_play=no_play,
    )
    # The program at the other end of a pipe may take as long as it likes.
    session = settings.session._replace(limits=FetchLimits(None, None, retries=0))

    def make_sources(_: Session, __: Clock) -> list[Source]:
        rate_hz = sample_rate or config.sample_rate_hz
        return [
            FileSource(
                file,
                format=format or codec_for_suffix(file),
                content_type=None if format else raw_media_type(file),
                rate_hz=rate_hz,
            )
        ]

    settings = settings._replace(session=session)
    status = run_session(settings, records, make_sources, command="play")
    keep_resident(config, wanted=not no_resident)
    raise typer.Exit(status)
