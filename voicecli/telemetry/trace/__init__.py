"""Arrival traces: recorded while a run goes on, read to be heard again.

`lines` has the format and what a trace consists of, `writer` the observer that
writes one, `reader` the only way in for a file.
"""

from __future__ import annotations

from voicecli.telemetry.trace.lines import Trace
from voicecli.telemetry.trace.reader import read_trace
from voicecli.telemetry.trace.writer import TraceWriter

__all__ = ["Trace", "TraceWriter", "read_trace"]
