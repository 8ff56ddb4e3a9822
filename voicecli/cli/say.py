"""``voicecli say``: text in, speech out."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.cli import options
from voicecli.cli.help import ARGUMENTS, NETWORK, VOICE
from voicecli.cli.output import print_message
from voicecli.cli.running import Records, failing_as_json, run_session
from voicecli.cli.settings import check_folder, playback_settings
from voicecli.cli.text_input import spoken_text, unicode_of
from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.file import find_config
from voicecli.playback.history import History, Kind
from voicecli.request import SpeechRequest
from voicecli.sources.client import SpeechClient
from voicecli.sources.openai import OpenAISource

if TYPE_CHECKING:
    from voicecli.session import Session
    from voicecli.sources.base import ByteSource

DEFAULT_FORMAT = "pcm"
"""Nothing to decode, nothing to wait for; servers that cannot do it answer in what they can."""

EXAMPLES = """Examples:

  voicecli say "Hello there."

  llm "Tell me a story" | voicecli say

  voicecli say --base-url http://localhost:8880/v1 --voice af_bella --format opus "Hi."

  voicecli say --file chapter.txt --save chapter.wav --no-play

  voicecli say -- "- text that begins with a dash"
"""


def say(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="What to say; several words join. `-`, or a pipe, reads standard input.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=ARGUMENTS, help="Read the text from FILE, - is a pipe."
        ),
    ] = None,
    base_url: options.BaseUrl = None,
    profile: options.ProfileName = None,
    model: options.Model = None,
    voice: options.VoiceName = None,
    format: options.Format = None,
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR", min=0.25, max=4.0, rich_help_panel=VOICE, help="1 is normal."
        ),
    ] = None,
    instructions: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", rich_help_panel=VOICE, help="How to speak, for models that heed it."
        ),
    ] = None,
    sample_rate: options.SampleRate = None,
    extra: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=JSON",
            rich_help_panel=VOICE,
            help="Further field of the request, such as stream=true; may be repeated.",
        ),
    ] = None,
    device: options.Device = None,
    volume: options.Volume = None,
    buffer_ms: options.BufferMs = None,
    preroll_ms: options.PrerollMs = None,
    save: options.Save = None,
    debug_audio: options.DebugAudio = None,
    no_play: options.NoPlay = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            min=0.001,
            rich_help_panel=NETWORK,
            help="Longest wait for the first byte, and for the next.  [default: 60]",
        ),
    ] = None,
    retries: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=20,
            rich_help_panel=NETWORK,
            help="Tries after a failure, before any sound.  [default: 2]",
        ),
    ] = None,
    proxy: options.Proxy = None,
    fail_on_underrun: options.FailOnUnderrun = False,
    json_: options.Json = False,
    event_log: options.EventLogFile = None,
    trace: options.TraceFile = None,
    trace_audio: options.TraceAudio = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Speak text.

    The endpoint is that of --base-url, else of $VOICECLI_BASE_URL, else of the
    profile in the configuration file, else of $OPENAI_BASE_URL, else
    api.openai.com if $OPENAI_API_KEY is set, else the built-in voice: English,
    offline, no key. A server's key is that of $VOICECLI_API_KEY, or of the
    variable that its profile names; OpenAI's is that of $OPENAI_API_KEY.
    """
    words = spoken_text(text or [], file)
    fields = _extra(extra or [])
    if trace_audio and trace is None:
        raise typer.BadParameter("--trace-audio goes with --trace FILE")
    records = Records(
        save, debug_audio, event_log, json_, quiet, verbose, fail_on_underrun, trace, trace_audio
    )
    with failing_as_json(records):
        config = find_config(os.environ)
        if no_play:
            check_folder(save)
        choice = EndpointChoice(
            base_url, profile, model, voice, format, speed, instructions, fields
        )
        endpoint = resolve_endpoint(choice, os.environ, config)
    if verbose:
        print_message(f"speaking with {endpoint.label} ({endpoint.reason})")
    if not quiet:
        for warning in endpoint.warnings:
            print_message(f"warning: {warning}")
    request = _request(words, endpoint)
    history, kind = History(), Kind(endpoint.label, request.model, request.response_format)
    settings = playback_settings(
        config,
        expected_format=request.response_format,
        keeps_audio=records.keeps_audio,
        no_play=no_play,
        device=device,
        volume=volume,
        buffer_ms=buffer_ms,
        preroll_ms=preroll_ms,
        timeout_s=timeout,
        retries=retries,
        recall=lambda: history.runs(kind),
    )
    with contextlib.ExitStack() as stack:

        def make_sources(session: Session) -> list[ByteSource]:
            if endpoint.base_url is None:
                return [_builtin(request, session)]
            rate_hz = sample_rate or config.sample_rate_hz
            client = SpeechClient(
                endpoint.base_url,
                endpoint.api_key or "",
                connect_timeout_s=config.connect_timeout_s,
                proxy=proxy,
            )
            stack.callback(client.close)
            return [OpenAISource(client, request, pcm_rate_hz=rate_hz)]

        status = run_session(
            settings,
            records.with_folder(config.recordings),
            make_sources,
            request=request,
            learn=lambda needed_s: history.add(kind, needed_s),
        )
    raise typer.Exit(status)


def _extra(pairs: list[str]) -> dict[str, Any]:
    """``KEY=JSON`` pairs; a value that is no JSON is taken as the string it is."""
    fields: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"--extra {pair!r} is not of the form KEY=JSON")
        try:
            fields[key] = json.loads(value, parse_constant=_no_json)
        except (ValueError, RecursionError):
            fields[key] = unicode_of(value)
    return fields


def _no_json(constant: str) -> Any:
    """Refuse NaN and the infinities, which Python knows and JSON does not."""
    raise ValueError(constant)


def _request(text: str, endpoint: Endpoint) -> SpeechRequest:
    wanted = endpoint.response_format or DEFAULT_FORMAT
    return SpeechRequest(
        text=text,
        voice=unicode_of(endpoint.voice),
        model=unicode_of(endpoint.model),
        response_format="pcm" if endpoint.is_builtin else wanted,
        speed=endpoint.speed,
        instructions=endpoint.instructions and unicode_of(endpoint.instructions),
        extra_body=endpoint.extra_body,
    )


def _builtin(request: SpeechRequest, session: Session) -> ByteSource:
    from voicecli.sources.builtin import BuiltinSource  # noqa: PLC0415  loads slowly
    from voicecli.sources.voicecache import VoiceCache  # noqa: PLC0415  loads slowly

    return BuiltinSource(request, VoiceCache(), session.spawn)
