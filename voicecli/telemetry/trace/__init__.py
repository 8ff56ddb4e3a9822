"""Arrival traces: recorded during a run, read to replay it.

`lines` defines the format, `writer` is an observer that writes it, and `reader`
reads and checks a file.
"""

from __future__ import annotations

from voicecli.telemetry.trace.lines import Trace
from voicecli.telemetry.trace.reader import read_trace
from voicecli.telemetry.trace.writer import TraceWriter

__all__ = ["Trace", "TraceWriter", "read_trace"]
