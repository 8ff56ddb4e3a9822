"""One run from its sources to the last sample heard: threads, order, the first error.

`Session` is the public face. `fetcher` is the work of the source thread,
`renderer` of the decoder thread, `recording_thread` of the saving thread.
`thread_group` makes and joins the threads, which report through `messages`.
"""

from __future__ import annotations

from voicecli.session.session import Session
from voicecli.session.settings import SessionResult, SessionSettings

__all__ = ["Session", "SessionResult", "SessionSettings"]
