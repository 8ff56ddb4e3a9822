"""Sources of other packages, found by the scheme of an endpoint's URL.

A package names its sources in the entry-point group ``voicecli.sources``; docs/sources.md
describes how. Faults of such a source are reported under its name: all its exceptions become
our errors.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from voicecli.config.urls import SOURCE_ENTRY_POINTS
from voicecli.errors import BadResponse, ConfigError, SourceError, VoiceError
from voicecli.sanitize import clean
from voicecli.sources.base import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.config.endpoint import Endpoint
    from voicecli.request import SpeechRequest
    from voicecli.sources.base import RequestEvents, Source

_METHODS = ("label", "sends_request", "prepare", "open", "cancel")


def plugin_source(
    scheme: str, endpoint: Endpoint, request: SpeechRequest, shared: object
) -> Source:
    """Return the source of the package that handles a scheme.

    ``shared`` is the `SourceContext` that it gets.

    Raises:
        ConfigError: no package does, or it cannot be loaded or makes no source.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415  reads every package's metadata

    for entry_point in entry_points(group=SOURCE_ENTRY_POINTS, name=scheme):
        name = clean(entry_point.value, 100)
        try:
            source = entry_point.load()(endpoint, request, shared)
        except VoiceError:
            raise
        except Exception as error:
            raise ConfigError(f"{name} cannot be loaded: {clean(str(error))}") from error
        missing = [each for each in _METHODS if not hasattr(source, each)]
        if missing:
            raise ConfigError(
                f"{name} makes no source: it lacks {', '.join(missing)}",
                remedy="update the package; docs/sources.md has the contract",
            )
        return PluginSource(source, name)
    raise ConfigError(
        f"no installed package adds a source for {clean(scheme, 20)}:// URLs",
        remedy=f"install one with an entry point in the group {SOURCE_ENTRY_POINTS}",
    )


class PluginSource:
    """A source of another package, whose exceptions become `SourceError`."""

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._name = name

    @property
    def label(self) -> str:
        """The source's own label, made safe to show."""
        with self._reporting():
            return clean(str(self._source.label), 200)

    @property
    def sends_request(self) -> bool:
        """Whether the source sends a request."""
        return bool(self._source.sends_request)

    def prepare(self) -> None:
        """Prepare the source."""
        with self._reporting():
            self._source.prepare()

    def open(self, events: RequestEvents | None = None) -> Response:
        """Open the source."""
        with self._reporting():
            response = self._source.open(events)
            response.__enter__()

        def close() -> None:
            with self._reporting():
                response.__exit__(None, None, None)

        report = getattr(response, "report", None)
        return Response(response.info, self._chunks(response), close, report=report)

    def cancel(self) -> None:
        """Cancel the source, ignoring its exceptions."""
        with contextlib.suppress(Exception):
            self._source.cancel()

    def _chunks(self, response: Response) -> Iterator[bytes]:
        with self._reporting():
            for chunk in response:
                if not isinstance(chunk, bytes | bytearray | memoryview):
                    raise BadResponse(f"{self._name} yields {type(chunk).__name__}, not bytes")
                if chunk:
                    yield bytes(chunk)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except VoiceError:
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {clean(str(error), 200)}"
            raise SourceError(
                f"{self._name} failed: {what}", remedy="report it to the package's author"
            ) from error
