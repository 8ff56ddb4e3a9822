"""Report how a run went: to people on standard error, to machines as one JSON object."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from voicecli.cli import waterfall
from voicecli.cli.output import print_error, print_json, print_message
from voicecli.cli.summary import AboutText, summarise
from voicecli.errors import EmptyText, ExitStatus, SaveError, UnderrunError
from voicecli.sanitize import clean
from voicecli.telemetry.metrics import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voicecli.cli.records import LineFile, Records
    from voicecli.cli.speech import Speech
    from voicecli.cli.subtitle_track import SubtitleTrack
    from voicecli.cli.voice_control import VoiceControl
    from voicecli.errors import VoiceError
    from voicecli.recording.saver import Saver
    from voicecli.session import SessionResult
    from voicecli.telemetry.metrics import Recorder


def report(
    result: SessionResult,
    recorder: Recorder,
    saver: Saver | None,
    files: Iterable[LineFile],
    records: Records,
    *,
    track: SubtitleTrack | None = None,
    speech: Speech | None = None,
    control: VoiceControl | None = None,
) -> ExitStatus:
    """Report to people and machines, and return the exit status.

    ``track`` makes the subtitles, ``speech`` is the text, ``control`` knows who stopped the run.
    If the run itself had no error, a file that could not be written, or gaps under
    ``--fail-on-underrun``, is its error.
    """
    has_lost_reader = saver is not None and saver.has_lost_reader
    interrupted = result.interrupted_at is not None and not has_lost_reader
    metrics = recorder.result(interrupted_at=result.interrupted_at, spoken_s=result.spoken_s)
    metrics["saved"] = result.saves.saved
    metrics["clip"] = result.saves.clip
    metrics["no_device"] = result.no_device.message if result.no_device else None
    if control is not None:
        metrics["stopped_by"] = control.stopped_by
        metrics["waits"]["turn_ms"] = control.turn_wait_ms
    if isinstance(result.error, EmptyText):
        metrics |= {"ok": True, "error": None}
    save_error = result.saves.error
    if track is not None:
        save_error = _write_subtitles(track, result, metrics) or save_error
    if saver is not None:
        save_error = saver.write_metrics(metrics) or save_error
    save_error = save_error or next((file.error for file in files if file.error), None)
    late_error = save_error or (_gaps(metrics) if records.fail_on_underrun else None)
    if late_error is not None and metrics["error"] is None:
        metrics["ok"], metrics["error"] = False, describe(late_error)
    if has_lost_reader and result.interrupted_at is not None:
        records = records._replace(quiet=True)  # a pipeline that ends early is not an error
    _print_result(result, late_error, metrics, records, _about_text(result, recorder, speech))
    first = result.error or late_error
    status = first.exit_status if first else ExitStatus.OK
    if interrupted:
        status = ExitStatus.INTERRUPTED
    if records.json:
        # The failure of the run outranks a failure to print.
        with contextlib.suppress(*([] if status is ExitStatus.OK else [SaveError])):
            print_json(metrics)
    return status


def _about_text(result: SessionResult, recorder: Recorder, speech: Speech | None) -> AboutText:
    heard, _ = recorder.segments.spoken_sentences(result.spoken_s)
    first_at, began_at = result.report.first_sound_at, speech.began_at if speech else None
    late_ms = None if first_at is None or began_at is None else (first_at - began_at) * 1e3
    return AboutText(heard, speech.sentences if speech else None, late_ms)


def _write_subtitles(
    track: SubtitleTrack, result: SessionResult, metrics: dict[str, Any]
) -> SaveError | None:
    """Write the subtitles, and add them to what was saved."""
    try:
        path = track.write(result.spoken_s)
    except SaveError as error:
        return error
    if path is not None:
        metrics["saved"] = [*metrics["saved"], path]
    return None


def _gaps(metrics: dict[str, Any]) -> UnderrunError | None:
    """Return the error for gaps in the sound."""
    sink = metrics["underruns"]["sink"]
    if not sink["count"]:
        return None
    return UnderrunError(f"the sound had gaps: {sink['count']} of {sink['total_ms']:.0f} ms in all")


def _print_result(
    result: SessionResult,
    late_error: VoiceError | None,
    metrics: dict[str, Any],
    records: Records,
    text: AboutText,
) -> None:
    if result.no_device and not records.quiet:
        print_message(f"no sound: {result.no_device.message}")
    if not records.quiet and (metrics["audio_s"] or result.error is None):
        print_message(summarise(metrics, text))
    if records.verbose:
        lines = [*_timings(metrics), *_segments(metrics["segments"])]
        lines += [*_answers(metrics), *_underruns(metrics["underruns"]), *_bar(metrics)]
        for line in lines:
            print_message(line)
    if isinstance(result.error, EmptyText):
        if not records.quiet:
            print_message(result.error.message)
    elif result.error is not None and result.interrupted_at is None:
        print_error(result.error)
    if late_error is not None:
        print_error(late_error)


def _timings(metrics: dict[str, Any]) -> Iterator[str]:
    if metrics["format"] and metrics["rtf"] is not None:
        times = 1 / max(metrics["rtf"], 0.001)
        speed = f"{times:.0f}" if times >= 10 else f"{times:.1f}"  # noqa: PLR2004  two digits
        rate = f"generated {speed} times as fast as it plays (RTF {metrics['rtf']:.2f})"
        yield f"{metrics['format']}, {rate}"
    names = ("launch_to_request", "ttfb", "first_frame", "ttfa", "ttfa_audible", "generation")
    parts = [f"{name} {metrics[f'{name}_ms']:.0f} ms" for name in names if metrics[f"{name}_ms"]]
    if parts:
        yield ", ".join(parts)


def _segments(segments: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for every segment of a text that took more than one request."""
    for segment in segments if len(segments) > 1 else ():
        parts = [f"{segment['chars']} characters"]
        if segment["sentences"] > 1:
            parts[0] += f" in {segment['sentences']} sentences"
        if segment["ttfb_ms"] is not None:
            parts.append(f"first byte {segment['ttfb_ms']:.0f} ms")
        if segment["attempts"] > 1:
            parts.append(f"{segment['attempts']} attempts")
        if segment["at_s"] is not None:
            parts.append(f"heard at {segment['at_s']:.2f} s")
        if segment["seam_ms"] is not None:
            parts.append(f"seam {segment['seam_ms']:.0f} ms")
        parts += [*_usage(segment["usage"])]
        yield f"segment {segment['number'] + 1}: {', '.join(parts)}"


def _answers(metrics: dict[str, Any]) -> Iterator[str]:
    """Yield what was said in other words, what came from the cache, and what it cost."""
    for segment in metrics["segments"]:
        if segment["reworded"]:
            said = clean(segment["said"] or "", 300)
            yield f'segment {segment["number"] + 1} was reworded: "{said}"'
    cached = sum(segment["cached"] for segment in metrics["segments"])
    if cached:
        segments = len(metrics["segments"])
        noun = "segment" if segments == 1 else "segments"
        yield f"{cached} of {segments} {noun} came from the cache"
    for line in _usage(metrics["usage"]):
        yield f"used {line}"


def _usage(usage: dict[str, Any] | None) -> Iterator[str]:
    if usage is not None:
        cost_usd = usage["cost_usd"]
        cost = "" if cost_usd is None else f", about ${cost_usd:.4f}"
        tokens = f"{usage['input_tokens']} tokens in and {usage['output_tokens']} out"
        yield f"{tokens}{cost}"


def _underruns(underruns: dict[str, Any]) -> Iterator[str]:
    """Yield a line for every gap, with its cause, and one with all counts."""
    for event in underruns["sink"]["events"]:
        silence = f"{event['ms']:.0f} ms of silence"
        yield f"underrun at {event['at_s']:.2f} s: {silence}, caused by the {event['cause']}"
    if any(kind["count"] for kind in underruns.values()):
        counts = [f"{name} {kind['count']}" for name, kind in underruns.items()]
        yield f"underruns: {', '.join(counts)}"


def _bar(metrics: dict[str, Any]) -> list[str]:
    parts = metrics["waterfall_ms"]
    return waterfall.lines(parts) if parts else []
