"""What earlier runs learned, as ``config show`` prints it and ``config forget`` deletes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicecli.clock import SystemClock
from voicecli.config.retired import RetiredModels
from voicecli.playback.history import HistoryFile
from voicecli.playback.latency import LatencyFile
from voicecli.playback.policy import AdaptivePolicy
from voicecli.sanitize import clean
from voicecli.session.cooldowns import CooldownFile, EndpointCooldowns
from voicecli.session.limit_file import LimitFile
from voicecli.session.pace_file import PaceFile
from voicecli.sources.label_file import LabelFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.config.learnedfile import CacheFile

    Facts = Iterator[dict[str, Any]]


def learned_files() -> tuple[CacheFile, ...]:
    """Return every file that earlier runs may have written."""
    return (
        HistoryFile(),
        PaceFile(),
        LimitFile(),
        LabelFile(),
        RetiredModels(),
        CooldownFile(),
        LatencyFile(),
    )


def learned_rows() -> Iterator[tuple[str, str, str]]:
    """Yield a row for every fact: what kind it is, what it is about, and what it says."""
    for one in _buffers():
        plural = "" if one["runs"] == 1 else "s"
        about = f"{one['endpoint']} {one['model']} {one['format']}"
        yield "learned", about, f"buffers {one['wait_ms']:.0f} ms, from {one['runs']} run{plural}"
    for one in _paces():
        speed = f"first byte after {one['first_byte_ms']:.0f} ms"
        speed += f", {one['per_character_ms']:.1f} ms a character"
        yield "learned", f"{one['endpoint']} {one['model']}", speed
    for one in _limits():
        takes = f"takes {one['max_input_chars']} characters a request"
        yield "learned", f"{one['endpoint']} {one['model']}", takes
    for one in _labels():
        yield "learned", one["endpoint"], f"labels raw PCM {', '.join(one['pcm_labelled'])}"
    for one in _retired():
        yield "learned", one["endpoint"], f"no longer has {', '.join(one['models'])}"
    for one in _cooldowns():
        left_s = one["left_s"]
        again = f"not asked for {left_s:.0f} s more" if left_s else "asked again by now"
        yield "learned", one["endpoint"], f"failed; {again}"
    for one in _devices():
        yield "learned", one["device"], f"buffers {one['latency_ms']:.0f} ms"


def learned_json() -> dict[str, list[dict[str, Any]]]:
    """Return the same facts by kind, as JSON."""
    return {
        "learned": list(_buffers()),
        "pace": list(_paces()),
        "limits": list(_limits()),
        "labels": list(_labels()),
        "retired": list(_retired()),
        "cooldowns": list(_cooldowns()),
        "devices": list(_devices()),
    }


def _buffers() -> Facts:
    """Yield how long the start waits, by endpoint, model and format."""
    for key, runs in sorted(HistoryFile().all_runs().items()):
        wait_s = AdaptivePolicy().with_history(runs).learned_s
        yield {
            **{name: clean(text) for name, text in key._asdict().items()},
            "runs": len(runs),
            "needed_ms": [_ms(needed_s) for needed_s in runs],
            "wait_ms": _ms(wait_s),
        }


def _paces() -> Facts:
    """Yield how fast endpoints spoke, by model."""
    for endpoint, models in sorted(PaceFile().all().items()):
        for model, pace in sorted(models.items()):
            yield {
                "endpoint": clean(endpoint),
                "model": clean(model),
                "first_byte_ms": _ms(pace.first_byte_s),
                "per_character_ms": _ms(pace.per_character_s, 2),
                "speech_per_character_ms": _ms(pace.speech_per_character_s, 2),
            }


def _limits() -> Facts:
    """Yield the longest text that endpoints were found to take."""
    for endpoint, models in sorted(LimitFile().all().items()):
        for model, limit in sorted(models.items()):
            shown = {"endpoint": clean(endpoint), "model": clean(model)}
            yield {**shown, "max_input_chars": limit}


def _labels() -> Facts:
    """Yield the content types under which endpoints sent raw PCM."""
    for endpoint, labels in sorted(LabelFile().all().items()):
        yield {"endpoint": clean(endpoint), "pcm_labelled": [*map(clean, sorted(labels))]}


def _retired() -> Facts:
    """Yield the speech models that servers no longer have."""
    for endpoint, models in sorted(RetiredModels().all().items()):
        yield {"endpoint": clean(endpoint), "models": [*map(clean, sorted(models))]}


def _cooldowns() -> Facts:
    """Yield the endpoints that failed, those that may be asked again by now included.

    They are kept, as the next cooldown is longer if an endpoint fails again soon.
    """
    file = CooldownFile()
    cooldowns = EndpointCooldowns(SystemClock(), file)
    for endpoint, (_, cooldown_s) in sorted(file.all().items()):
        left_s = round(cooldowns.left_s(endpoint), 1)
        yield {"endpoint": clean(endpoint), "left_s": left_s, "cooldown_s": cooldown_s}


def _devices() -> Facts:
    """Yield how much sound devices had to buffer."""
    for device, latency_s in sorted(LatencyFile().all().items()):
        yield {"device": clean(device), "latency_ms": _ms(latency_s)}


def _ms(seconds: float, digits: int = 1) -> float:
    return round(seconds * 1e3, digits)
