"""``voicecli say``: speak text."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import control_options, option_values, options, text_options
from voicecli.cli.help import TEXT
from voicecli.cli.interrupted_runs import InterruptedRun
from voicecli.cli.keys import is_typed
from voicecli.cli.launch import this_launch
from voicecli.cli.output import print_message
from voicecli.cli.reading import Reading
from voicecli.cli.records import Records
from voicecli.cli.resume import keeper_of
from voicecli.cli.running import ending_if_empty, failing_as_json, run_session
from voicecli.cli.settings import PlaybackFlags, keep_resident, playback_settings
from voicecli.cli.speech import Speech
from voicecli.cli.text_input import TextReading
from voicecli.cli.unused_options import is_pipe_unread, unused_by, unused_without_sound
from voicecli.cli.voice_endpoints import VoiceEndpoints
from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.file import Config, find_config
from voicecli.control.voice_turn import WhenBusy
from voicecli.errors import ExitStatus
from voicecli.playback.history import History
from voicecli.session.seams import SeamPauses
from voicecli.sources.registry import SourceContext

if TYPE_CHECKING:
    from voicecli.playback.history import HistoryKey

EXAMPLES = """Examples:
  voicecli say "Hello there."
  llm "Tell me a story" | voicecli say
  voicecli say --base-url http://localhost:8880/v1 --voice af_bella --format opus "Hi."
  voicecli say --file chapter.txt --save chapter.wav --no-play
  voicecli say --say "heart:Who is there?" --say "emma:It is me."
  voicecli say -- "- text that begins with a dash"
"""


def say(
    context: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            rich_help_panel=TEXT,
            help="Text to speak; words are joined. `-` or a pipe reads standard input.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        options.text_option(
            "--file", "-f", metavar="FILE", help="Read the text from FILE; `-` is stdin."
        ),
    ] = None,
    script: text_options.Script = None,
    lines: text_options.Lines = None,
    resume: text_options.Resume = False,
    lang: text_options.Language = None,
    markdown: text_options.Markdown = "auto",
    code: text_options.Code = "name",
    think: text_options.Think = False,
    lexicon: text_options.LexiconFile = None,
    encoding: text_options.Encoding = None,
    voice: options.VoiceName = None,
    speed: Annotated[
        float | None,
        options.voice_option(metavar="FACTOR", min=0.25, max=4.0, help="Speed; 1 is normal."),
    ] = None,
    rate: options.Rate = None,
    instructions: Annotated[
        str | None,
        options.voice_option(
            metavar="TEXT",
            callback=options.unicode_value,
            help="How to speak, for models that support it.",
        ),
    ] = None,
    model: options.Model = None,
    strict_words: text_options.StrictWords = False,
    profile: options.ProfileName = None,
    base_url: options.BaseUrl = None,
    extra: Annotated[
        list[str] | None,
        options.voice_option(
            metavar="KEY=JSON", help="Extra field for the request, such as stream=true; repeatable."
        ),
    ] = None,
    format: options.Format = None,
    sample_rate: options.SampleRate = None,
    device: options.Device = None,
    volume: options.Volume = None,
    no_play: options.NoPlay = False,
    save: options.Save = None,
    save_as: options.SaveAs = None,
    subtitles: text_options.Subtitles = None,
    buffer_ms: options.BufferMs = None,
    latency_ms: options.LatencyMs = None,
    preroll_ms: options.PrerollMs = None,
    segment: text_options.Segment = "auto",
    prefetch: text_options.Prefetch = 2,
    pause_ms: text_options.PauseMs = 400,
    sentence_pause_ms: text_options.SentencePauseMs = 350,
    paragraph_pause_ms: text_options.ParagraphPauseMs = 700,
    when_busy: control_options.WhenBusyChoice = "queue",
    no_keys: control_options.NoKeys = False,
    no_resident: control_options.NoResident = False,
    no_state: text_options.NoState = False,
    timeout: Annotated[
        float | None,
        options.network_option(
            metavar="S",
            min=0.001,
            help="Longest wait for the first byte, and for each one after it.  [default: 60]",
        ),
    ] = None,
    retries: Annotated[
        int | None,
        options.network_option(
            metavar="N",
            min=0,
            max=100,  # as in the configuration file
            help="Retries after a failure, before any sound is heard.  [default: 2]",
        ),
    ] = None,
    fallback: text_options.Fallback = None,
    no_recover: text_options.NoRecover = False,
    proxy: options.Proxy = None,
    cache: text_options.Cache = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json_: options.Json = False,
    fail_on_underrun: options.FailOnUnderrun = False,
    event_log: options.EventLogFile = None,
    trace: options.TraceFile = None,
    trace_audio: options.TraceAudio = False,
    debug_audio: options.DebugAudio = None,
) -> None:
    """Speak text, also while it is still being written.

    The endpoint comes from --base-url, else $VOICECLI_BASE_URL, else the default
    profile of the configuration file, else $OPENAI_BASE_URL, else it is
    api.openai.com if $OPENAI_API_KEY is set, else the built-in voice: English,
    offline, without a key. The key comes from $VOICECLI_API_KEY or the variable
    that the profile names; for OpenAI, from $OPENAI_API_KEY.
    """
    choice = EndpointChoice(
        base_url, profile, model, voice, format, _speed(speed, rate), instructions,
        option_values.extra_fields(extra),
    )  # fmt: skip
    given: list[object] = [*(text or []), file, script, *(lines or [])]
    flags = PlaybackFlags(
        device, volume, buffer_ms, preroll_ms, timeout, retries, WhenBusy(when_busy),
        no_keys=no_keys or is_typed(given), ahead=prefetch if trace is None else 0,
        latency_ms=latency_ms, pauses=SeamPauses(sentence_pause_ms / 1e3, paragraph_pause_ms / 1e3),
    )  # fmt: skip
    records = Records(
        save, debug_audio, event_log, json_, quiet, verbose, fail_on_underrun, trace, trace_audio,
        subtitles, save_as,
    )  # fmt: skip
    records.check()
    with contextlib.ExitStack() as stack:
        reads = TextReading(encoding, records.warn)
        with ending_if_empty(records):
            run: InterruptedRun | None = context.obj if resume else None
            spoken = text_options.choose_text(text or [], file, script, lines or [], reads, run)
        stack.callback(spoken.close)
        _mention_pipe(given, records)
        with failing_as_json(records):
            config = find_config(os.environ)
            endpoints = _endpoints(choice, config, records, fallback, lines or [])
            unheard = unused_without_sound(flags) if no_play else ()
            for warning in (*unused_by(choice, endpoints.default), *unheard):
                records.warn(warning)
            words = text_options.read_lexicon(config.lexicon, lexicon, lang, reads)
        is_script = run.is_script if run else bool(script or lines)
        reading = Reading(
            lang, pause_ms, segment, markdown, code, think, is_script, words, format,
            recovers=not no_recover,
        )  # fmt: skip
        shared = _source_context(config, sample_rate, proxy, cache=cache, strict_words=strict_words)
        stack.callback(shared.close)
        stack.callback(keep_resident, config, wanted=not no_resident)  # after the sound
        keeper = None if no_state else keeper_of(context, file or script, run, is_script=is_script)
        speech = Speech(spoken, reading, endpoints, shared, keeper)
        _print_stand_in(endpoints.default, speech.speaker, records)
        raise typer.Exit(_speak(speech, flags, records, config, no_play=no_play))


def _source_context(
    config: Config,
    sample_rate: int | None,
    proxy: str | None,
    *,
    cache: bool | None,
    strict_words: bool,
) -> SourceContext:
    """Make what the sources of the run share."""
    shared = SourceContext(
        sample_rate or config.sample_rate_hz,
        config.connect_timeout_s,
        proxy=proxy,
        overrides_rate=sample_rate is not None,
        strict_words=strict_words,
        caches=cache,
    )
    shared.use_voices(this_launch.voices)
    return shared


def _mention_pipe(given: list[object], records: Records) -> None:
    if is_pipe_unread(given):
        records.warn("standard input is not read: the text was given otherwise")


def _speed(factor: float | None, of_rate: float | None) -> float | None:
    if factor is not None and of_rate is not None:
        raise typer.BadParameter("give --speed or --rate, not both")
    return of_rate if factor is None else factor


def _endpoints(
    choice: EndpointChoice,
    config: Config,
    records: Records,
    fallback: list[str] | None,
    lines: list[str],
) -> VoiceEndpoints:
    """Select the endpoint, and those of the voices of ``lines``; say which they are."""
    endpoint = resolve_endpoint(choice, os.environ, config)
    _print_endpoint(endpoint, records)
    notify = partial(_print_endpoint, records=records)
    found = VoiceEndpoints(endpoint, choice, os.environ, config, notify=notify, fallback=fallback)
    for voice in text_options.voices_of(lines):
        found.of(voice)
    return found


def _speak(
    speech: Speech, flags: PlaybackFlags, records: Records, config: Config, *, no_play: bool
) -> ExitStatus:
    request = speech.request()
    settings = playback_settings(
        config,
        flags,
        expected_format=request.response_format,
        keeps_audio=records.keeps_audio,
        no_play=no_play,
    )
    status = run_session(
        settings,
        records.with_folder(config.recordings),
        speech.utterances,
        request=request,
        history=History(speech.speaker),
        speech=speech,
    )
    speech.remember_pace()
    if speech.left_out and status is not ExitStatus.USAGE:
        words = "1 word" if speech.left_out == 1 else f"{speech.left_out} words"
        records.warn(f"{words} left out: the built-in voice speaks English")
    return status


def _print_endpoint(endpoint: Endpoint, records: Records) -> None:
    if records.verbose:
        print_message(f"using {endpoint.label} ({endpoint.reason})")
    for warning in endpoint.warnings:
        records.warn(warning)


def _print_stand_in(endpoint: Endpoint, speaker: HistoryKey, records: Records) -> None:
    """Say who speaks instead of an endpoint that is in cooldown."""
    if records.verbose and (speaker.endpoint, speaker.model) != (endpoint.label, endpoint.model):
        print_message(f"{endpoint.label} failed recently: {speaker.endpoint} speaks instead")
