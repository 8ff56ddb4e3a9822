"""What is kept of one endpoint between utterances: the SDK's client, and whose key it shows.

The only module that names ``openai``. Importing that takes some 100 ms, half of
what passes between the return key and the request, so it is done on first use,
on the thread that makes the request, and without what speech does not need.

What leaves the machine is what `OpenAISource` and this module put into the
request. The SDK would add what it finds in ``OPENAI_ORG_ID``,
``OPENAI_PROJECT_ID`` and ``OPENAI_CUSTOM_HEADERS``, which belong to OpenAI and
not to whatever server is spoken to, and a description of the machine.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from voicecli.config.endpoint import KEYLESS
from voicecli.config.urls import is_openai
from voicecli.sources.errors import fault_of
from voicecli.sources.lazy_packages import deferred
from voicecli.sources.transport import Transport

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

_NOT_NEEDED = (
    "openai.types",
    "openai.types.audio",
    "openai.types.chat",
    "openai.types.responses",
    "openai.types.shared",
    "openai.types.shared_params",
)
"""Packages of the SDK that import hundreds of modules, of which speech needs a few."""

_HIDDEN_KEY = "(the key)"
_LEAST_SECRET = 8
"""Keys shorter than this are no secrets, and would be found inside ordinary words."""


class SpeechClient:
    """One endpoint: the SDK's client and its connections, kept for later requests.

    ``read_timeout_s`` bounds each wait for bytes, None leaves that to who uses
    it: a session sets finer limits and calls `OpenAISource.cancel`. ``proxy`` is
    the URL of an HTTP proxy that everything goes through, also to this machine and
    whatever the environment says; it is not shown the key of an https endpoint.
    One request at a time. `close` it when done.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float | None = None,
        proxy: str | None = None,
    ) -> None:
        self.base_url = base_url
        self._api_key = api_key
        self._sdk: Any = None
        self._transport = Transport(
            base_url,
            self.without_key,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            proxy=proxy,
        )

    def sdk(self) -> Any:
        """The SDK's client, made on first use.

        Raises:
            ConfigError: the environment names a proxy that cannot be used.
        """
        if self._sdk is None:
            try:
                self._sdk = self._make_sdk()
            except Exception as error:
                raise fault_of(error, self.base_url) from error
        return self._sdk

    def speech(self) -> Any:
        """The SDK's ``audio.speech``; raises as `sdk`.

        Named by its module, because ``sdk().audio`` brings transcriptions along,
        and these the types of everything else.
        """
        sdk = self.sdk()
        with deferred(_NOT_NEEDED):
            from openai.resources.audio.speech import Speech  # noqa: PLC0415  as `sdk`

        return Speech(sdk)

    def _make_sdk(self) -> Any:
        with deferred(_NOT_NEEDED):
            import openai  # noqa: PLC0415  100 ms; 190 with all its types

        headers = self._headers(openai.__version__)

        class Client(openai.OpenAI):
            """The SDK's client, with our headers instead of those it gathers."""

            @property
            def default_headers(self) -> dict[str, str | openai.Omit]:
                return {**headers}

        return Client(
            base_url=self.base_url,
            api_key=self._api_key,
            max_retries=0,  # the session retries: it knows whether anything was heard
            http_client=self._transport.make_http(),
        )

    def _headers(self, sdk_version: str) -> dict[str, str]:
        headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # audio is compressed already
            "Content-Type": "application/json",
            "User-Agent": f"voicecli OpenAI/Python {sdk_version}",
        }
        if is_openai(self.base_url):
            for header, variable in (
                ("OpenAI-Organization", "OPENAI_ORG_ID"),
                ("OpenAI-Project", "OPENAI_PROJECT_ID"),
            ):
                if value := os.environ.get(variable):
                    headers[header] = value
        return headers

    def begin(
        self,
        sent: Callable[[], None],
        cancelled: threading.Event,
        connected: Callable[[], None],
    ) -> None:
        """Set whom to tell of the next request, and what says that it is unwanted."""
        self._transport.begin(sent, cancelled, connected)

    def interrupt(self) -> None:
        """Make a blocked read return at once; any thread."""
        self._transport.interrupt()

    def without_key(self, said: bytes) -> bytes:
        """What a server said, should it repeat the key it was sent."""
        if len(self._api_key) < _LEAST_SECRET or self._api_key == KEYLESS:
            return said
        return said.replace(self._api_key.encode(), _HIDDEN_KEY.encode())

    def close(self) -> None:
        """Close the connections."""
        if self._sdk is not None:
            self._sdk.close()
