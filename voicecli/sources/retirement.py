"""Replace a speech model that OpenAI has retired with the Realtime API.

OpenAI ends its speech models on 2027-01-06 and refuses requests for them afterwards. This
source then speaks with the model that OpenAI names instead, warns about it, and remembers it,
so that the next run does not ask for the old model again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from voicecli.config.protocols import REALTIME_MODEL
from voicecli.errors import BadResponse
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.config.retired import RetiredModels
    from voicecli.request import SpeechRequest
    from voicecli.sources.base import RequestEvents, Response, Source

_STATUSES = (400, 404, 410)

_RETIRED = re.compile(
    rb"model_not_found|deprecated|retired|shut ?down|decommissioned|no longer available"
    rb"|does not exist|unknown model|invalid model",
    re.IGNORECASE,
)


class RetiringSource:
    """Speaks through ``speech``, or through the Realtime API once its model is retired.

    ``make_realtime`` gets a request and warnings. ``memory`` has the retired models of
    ``base_url``.
    """

    sends_request = True

    def __init__(
        self,
        speech: Source,
        request: SpeechRequest,
        make_realtime: Callable[[SpeechRequest, tuple[str, ...]], Source],
        memory: RetiredModels,
        base_url: str,
    ) -> None:
        self._request = request
        self._make_realtime = make_realtime
        self._memory = memory
        self._base_url = base_url
        self._is_cancelled = False
        self._is_speech = request.model not in memory.of(base_url)
        self._source = speech if self._is_speech else self._replacement()

    @property
    def label(self) -> str:
        """The endpoint's URL."""
        return self._source.label

    def prepare(self) -> None:
        """Load what the request needs."""
        self._source.prepare()

    def open(self, events: RequestEvents | None = None) -> Response:
        """Make the request; a second one, if the first is refused for its model."""
        try:
            return self._source.open(events)
        except BadResponse as error:
            if not self._is_speech or not is_retirement(error):
                raise
        self._memory.add(self._base_url, self._request.model)
        self._is_speech, self._source = False, self._replacement()
        if self._is_cancelled:  # read after the source was set, as `cancel` sets it before
            self._source.cancel()
        return self._source.open(events)

    def cancel(self) -> None:
        """Stop soon; any thread."""
        self._is_cancelled = True
        self._source.cancel()

    def _replacement(self) -> Source:
        request, host = self._request, self._base_url.partition("://")[2].partition("/")[0]
        gone = f"{host} no longer has the speech model {clean(request.model, 60)}"
        changed = replace(request, model=REALTIME_MODEL, extra_body={})
        return self._make_realtime(changed, (f"{gone}; {REALTIME_MODEL} speaks instead",))


def is_retirement(error: BadResponse) -> bool:
    """Return whether a request was refused because its model is retired or unknown."""
    body = error.refusal or b""
    return error.status in _STATUSES and b"model" in body.lower() and bool(_RETIRED.search(body))
