"""Run a session for a command: signals, records, the exit status."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import typer

from voicecli.cli.interpreter import favour_audio_callback
from voicecli.cli.launch import process_started_at
from voicecli.cli.output import internal_error, print_json, print_message
from voicecli.cli.progress import ProgressLine, wants_progress
from voicecli.cli.records import LineFile
from voicecli.cli.signals import cancelling
from voicecli.cli.voice_control import VoiceControl
from voicecli.clock import SystemClock
from voicecli.errors import EmptyText, ExitStatus, SaveError
from voicecli.playback.output import Output
from voicecli.session import Session
from voicecli.telemetry.eventlog import EventLog
from voicecli.telemetry.events import (
    Answered,
    AnswerReported,
    Replaced,
    RequestsReduced,
    Retrying,
    Warned,
)
from voicecli.telemetry.metrics import Recorder, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import TextIO

    from voicecli.cli.records import Records
    from voicecli.cli.resume import RunKeeper
    from voicecli.cli.settings import PlaybackSettings
    from voicecli.cli.speech import Speech
    from voicecli.cli.subtitle_track import SubtitleTrack
    from voicecli.clock import Clock
    from voicecli.playback.history import History
    from voicecli.recording.saver import Saver
    from voicecli.request import SpeechRequest
    from voicecli.session.utterance import Utterance
    from voicecli.sources.base import Source
    from voicecli.telemetry.events import Event
    from voicecli.telemetry.observers import Observer

    MakeUtterances = Callable[[Session, Clock], Iterable[Utterance | Source]]


def run_session(
    settings: PlaybackSettings,
    records: Records,
    make_utterances: MakeUtterances,
    *,
    request: SpeechRequest | None = None,
    history: History | None = None,
    speech: Speech | None = None,
    command: str = "say",
) -> ExitStatus:
    """Run one session to its end, report how it went, and return the exit status.

    ``request`` is recorded in a trace. ``history`` is what past runs needed; this run is added
    to it. ``speech`` is the text, if there is one. ``command`` is the subcommand.
    """
    clock, run_id = SystemClock(), new_run_id()
    recorder, files = Recorder(run_id, process_started_at()), list[LineFile]()
    saver = records.saver(run_id, clock.wall())
    with contextlib.ExitStack() as stack:
        control = stack.enter_context(_voice_control(command, run_id, settings, records))
        observers: list[Observer] = [recorder, favour_audio_callback, control]
        observers += _recording_observers(records, files, stack, run_id, clock, request)
        observers += _printing_observers(records, stack, speech, control)
        track = _subtitle_track(records, stack)
        observers += [track] if track else []
        keeper = _keeper_of(speech, recorder)
        observers += [keeper] if keeper else []
        session = Session(
            Output(settings.output), settings.session, history=history, observers=observers,
            saver=saver, clock=clock, pace=speech.pace if speech else None, turn=control.turn,
        )  # fmt: skip
        control.attach(session, recorder, clock.wall(), speech)
        is_finishing = partial(_is_finishing, saver)
        stack.enter_context(cancelling(session.cancel, is_finishing, control.restore_terminal))
        if saver is not None and settings.output.output == "discard":
            saver.on_reader_gone = session.cancel  # nobody is left to hear it
        with failing_as_json(records, recorder):
            _open_files(saver, files, records)
            result = session.run(make_utterances(session, clock))
        _close(files)
        if keeper is not None:
            is_done = result.error is None and result.interrupted_at is None
            keeper.finish(is_done=is_done, heard_s=result.spoken_s)
        from voicecli.cli.reporting import report  # noqa: PLC0415  after the sound

        return report(
            result, recorder, saver, files, records, track=track, speech=speech, control=control
        )


def _keeper_of(speech: Speech | None, recorder: Recorder) -> RunKeeper | None:
    if speech is None or speech.keeper is None:
        return None
    speech.keeper.segments = recorder.segments
    return speech.keeper


def _recording_observers(
    records: Records,
    files: list[LineFile],
    stack: contextlib.ExitStack,
    run_id: str,
    clock: Clock,
    request: SpeechRequest | None,
) -> Iterator[Observer]:
    """Yield the observers that write the event log and the trace."""
    if records.event_log is not None:
        yield EventLog(_open(records.event_log, files, stack), run_id, clock)
    if records.trace is not None:
        lines = _open(records.trace, files, stack, truncate=True)
        yield _trace_writer(lines, run_id, clock, request, records)


def _close(files: Iterable[LineFile]) -> None:
    for file in files:
        file.close()


def _voice_control(
    command: str, run_id: str, settings: PlaybackSettings, records: Records
) -> VoiceControl:
    notify = print_message if records.verbose else _print_nothing
    with failing_as_json(records):
        return VoiceControl(command, run_id, settings.when_busy, keys=settings.keys, notify=notify)


def _print_nothing(_: str) -> None:
    """Print nothing: only ``-v`` does."""


def _trace_writer(
    lines: TextIO, run_id: str, clock: Clock, request: SpeechRequest | None, records: Records
) -> Observer:
    from voicecli.telemetry.trace import TraceWriter  # noqa: PLC0415  rarely needed

    return TraceWriter(lines, run_id, clock, request, with_audio=records.trace_audio)


def _open_files(saver: Saver | None, files: Iterable[LineFile], records: Records) -> None:
    """Create the files of the run, before anything is requested.

    Raises:
        SaveError: one cannot be written.
    """
    for file in files:
        if file.error is not None:
            raise file.error
    if records.subtitles is not None:
        from voicecli.recording.partfile import check_destination  # noqa: PLC0415  rarely needed

        check_destination(records.subtitles)
    for note in saver.open() if saver else ():
        if not records.quiet:
            print_message(note)


def _is_finishing(saver: Saver | None) -> bool:
    """Return whether files are being finished without waiting for another program."""
    return saver is not None and saver.is_finishing and not saver.waits_for_reader


def _subtitle_track(records: Records, stack: contextlib.ExitStack) -> SubtitleTrack | None:
    if records.subtitles is None:
        return None
    from voicecli.cli.subtitle_track import SubtitleTrack  # noqa: PLC0415  rarely needed

    return stack.enter_context(contextlib.closing(SubtitleTrack(records.subtitles)))


def _printing_observers(
    records: Records, stack: contextlib.ExitStack, speech: Speech | None, control: VoiceControl
) -> list[Observer]:
    """Return the observers that print to people during the run."""
    observers: list[Observer] = []
    if wants_progress(quiet=records.quiet):
        line = ProgressLine(speech.is_growing if speech else lambda: False, control.voice_ahead)
        observers.append(stack.enter_context(contextlib.closing(line)))
    if not records.quiet:
        observers.append(_AnswerWarnings())
    if records.verbose:
        observers.append(_print_details)
    return observers


def _open(
    path: Path, files: list[LineFile], stack: contextlib.ExitStack, *, truncate: bool = False
) -> TextIO:
    """Open a line file, add it to ``files`` for its error, and let ``stack`` close it."""
    file = LineFile(path, truncate=truncate)
    files.append(file)
    stack.callback(file.close)
    return cast("TextIO", file)  # typeshed has io and typing apart


def new_run_id() -> str:
    """Make twelve characters that no other run has."""
    return os.urandom(6).hex()


@contextlib.contextmanager
def failing_as_json(records: Records, recorder: Recorder | None = None) -> Iterator[None]:
    """Print the object of ``--json`` if an exception keeps the run from being reported.

    Either the run has not begun (no ``recorder`` yet), or there is a bug. The
    exception is raised again.
    """
    try:
        yield
    except Exception as error:
        if records.json:
            metrics = _metrics(recorder)
            with contextlib.suppress(SaveError):  # the first error decides
                print_json(metrics | {"ok": False, "error": describe(internal_error(error))})
        raise


def _metrics(recorder: Recorder | None = None) -> dict[str, Any]:
    """Return the metrics of a run that has no result."""
    recorder = recorder or Recorder(new_run_id(), process_started_at())
    return recorder.result() | {"saved": [], "clip": None, "no_device": None}


@contextlib.contextmanager
def ending_if_empty(records: Records) -> Iterator[None]:
    """End the command with 0 and a message if there turns out to be no text.

    Raises:
        typer.Exit: the text is empty.
    """
    try:
        yield
    except EmptyText as empty:
        if not records.quiet:
            print_message(empty.message)
        if records.json:
            print_json(_metrics())
        raise typer.Exit(empty.exit_status) from empty


class _AnswerWarnings:
    """An observer that prints the warnings about answers and their sound, each once."""

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def __call__(self, event: Event, /) -> None:
        warnings: set[str] = set()
        if isinstance(event, Answered):
            warnings.update(event.info.warnings)
        elif isinstance(event, AnswerReported) and event.report.warning:
            warnings.add(event.report.warning)
        elif isinstance(event, Warned):
            warnings.add(event.message)
        elif isinstance(event, Replaced) and event.failed != event.label:
            warnings.add(f"{event.error.message}; {event.label} speaks instead")
        for warning in warnings - self._printed:
            self._printed.add(warning)
            print_message(f"warning: {warning}")


def _print_details(event: Event) -> None:
    """Print retries, fewer requests at once and unbounded answers as they happen, for ``-v``."""
    match event:
        case Retrying(_, error, wait_s):
            print_message(f"{error.message}; trying again in {wait_s:.1f} s")
        case Replaced(_, _, error, failed, label, sentences) if failed == label:
            what = "asking for the rest" if sentences else "asking again"
            print_message(f"{error.message}; {what}")
        case RequestsReduced(_, at_once):
            plural = "" if at_once == 1 else "s"
            print_message(f"the server allows fewer: {at_once} request{plural} at once from now on")
        case Answered(_, info) if not info.has_known_end:
            print_message("the server gave no length: a cut would not be noticed")
