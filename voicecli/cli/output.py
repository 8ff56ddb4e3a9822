"""What commands say to people (standard error) and to machines (standard output)."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicecli.errors import VoiceError


def tell(message: str) -> None:
    """One line for a person, on standard error."""
    print(f"voicecli: {message}", file=sys.stderr, flush=True)


def tell_error(error: VoiceError) -> None:
    """An error and, where there is one, what to do about it."""
    tell(f"error: {error.message}")
    if error.remedy:
        print(f"  {error.remedy}", file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON object or array on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def summarise(metrics: dict[str, Any]) -> str:
    """One line on how a run went, from its metrics."""
    parts = [_spoken(metrics)]
    if metrics["ttfa_ms"] is not None:
        launch_ms = metrics["launch_to_request_ms"] or 0.0
        parts.append(f"first sound after {launch_ms + metrics['ttfa_ms']:.0f} ms")
    if metrics["rtf"] is not None:
        parts.append(f"RTF {metrics['rtf']:.2f}")
    if metrics["ttfa_ms"] is not None:
        parts.append(_underruns(metrics["underruns"]["sink"]))
    if metrics["saved"]:
        parts.append("saved " + ", ".join(metrics["saved"]))
    return " · ".join(parts)


def _spoken(metrics: dict[str, Any]) -> str:
    spoken_s, audio_s = metrics["spoken_s"], metrics["audio_s"]
    verb = "spoke" if metrics["ttfa_ms"] is not None else "received"
    form = f" of {metrics['format']}" if metrics["format"] else ""
    if metrics["interrupted"]:
        return f"interrupted after {spoken_s:.1f} s{form}"
    if audio_s - spoken_s > 0.05:  # noqa: PLR2004  half of the last digit shown
        return f"{verb} {spoken_s:.1f} of {audio_s:.1f} s{form}"
    return f"{verb} {audio_s:.1f} s{form}"


def _underruns(sink: dict[str, Any]) -> str:
    if not sink["count"]:
        return "no underruns"
    plural = "s" if sink["count"] > 1 else ""
    return f"{sink['count']} underrun{plural} ({sink['total_ms']:.0f} ms)"
