"""One run from sources to silence: the threads, the order, the first error.

`Session` is the public face; `fetcher` is what its source thread does,
`renderer` what its decoder thread does, `keeper` what its saving thread does,
`outlet` what its device thread prepares. `crew` makes and joins them all, and
what they report goes through `mailbox`.
"""

from __future__ import annotations

from voicecli.session.session import Session
from voicecli.session.settings import SessionResult, SessionSettings

__all__ = ["Session", "SessionResult", "SessionSettings"]
