"""Prepare a benchmark: servers, runners and recorders for the cases of `voicecli bench`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TextIO, cast

from voicecli.bench import answers
from voicecli.bench.answers import COLD, REPLAYED, STREAMED, WHOLE_FILE, ObserverFactory, Variant
from voicecli.bench.case import Case, Measured
from voicecli.bench.local_server import local_server
from voicecli.bench.replay import replay
from voicecli.bench.runners import Cold, Live, ReportedError, Simulated
from voicecli.bench.speech import readings
from voicecli.bench.whole_file import WholeFile
from voicecli.cli.bench.options import DEFAULT_DEVICE
from voicecli.cli.output import print_message
from voicecli.cli.records import LineFile
from voicecli.cli.running import new_run_id
from voicecli.cli.settings import buffer_policy, flag_or
from voicecli.clock import SystemClock
from voicecli.config.endpoint import BUILTIN, Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.server import KEYLESS
from voicecli.errors import SaveError, SourceError
from voicecli.playback.output import NULL_DEVICE, Output, OutputSettings
from voicecli.sanitize import clean
from voicecli.session import SessionSettings
from voicecli.session.fetcher import FetchLimits
from voicecli.sources.registry import SourceContext, source_for
from voicecli.telemetry.trace import TraceWriter, read_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from voicecli.bench.runners import Runner
    from voicecli.bench.speech import SpeechRun
    from voicecli.cli.bench.options import BenchOptions
    from voicecli.config.file import Config
    from voicecli.playback.policy import Policy
    from voicecli.request import SpeechRequest
    from voicecli.sources.base import Source
    from voicecli.telemetry.observers import Observer


class Server(NamedTuple):
    """A server to measure; ``is_local`` if it was started for the benchmark."""

    number: int
    endpoint: Endpoint
    label: str
    is_local: bool


def servers(options: BenchOptions, config: Config, stack: contextlib.ExitStack) -> list[Server]:
    """Return the servers in the order of the command line.

    A local server, started if an endpoint is the built-in voice, stops with ``stack``.

    Raises:
        ConfigError: an endpoint cannot be used.
        NetworkError: the local server did not start.
    """
    servers: list[Server] = []
    local_url: str | None = None
    for number, base_url in enumerate(options.base_urls or (None,), 1):
        choice = EndpointChoice(base_url, options.profile, options.model, options.voice)
        endpoint = resolve_endpoint(choice, os.environ, config)
        for warning in () if options.quiet else endpoint.warnings:
            print_message(f"warning: {warning}")
        if is_local := endpoint.is_builtin:
            local_url = local_url or stack.enter_context(local_server()).url
            endpoint = replace(endpoint, base_url=local_url, api_key=KEYLESS)
        servers.append(Server(number, endpoint, BUILTIN if is_local else endpoint.label, is_local))
    return servers


def trace_recorder(options: BenchOptions) -> ObserverFactory:
    """Make the observers that record traces for ``--record``, if it was given.

    Raises:
        SaveError: the folder cannot be created.
    """
    if options.record is None:
        return ObserverFactory()
    folder = options.record
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"cannot create {folder}: {error.strerror or error}") from error

    @contextlib.contextmanager
    def record(variant: Variant, number: int) -> Iterator[Sequence[Observer]]:
        file = LineFile(folder / f"{variant.name}-{number}.jsonl", truncate=True)
        lines = cast("TextIO", file)  # typeshed has io and typing apart
        with contextlib.closing(file):
            yield [
                TraceWriter(lines, new_run_id(), SystemClock(), variant.request, with_audio=True)
            ]
        if file.error is not None:
            raise file.error

    return ObserverFactory(record, options.warmups)


def replays(paths: Sequence[Path], policy: Policy) -> list[Case]:
    """Make a case of each trace, replayed with ``policy``.

    Raises:
        ConfigError: a trace cannot be read.
    """
    return [_replay(number, path, policy) for number, path in enumerate(paths, 1)]


def _replay(number: int, path: Path, policy: Policy) -> Case:
    trace = read_trace(path)
    labels: dict[str, str | int] = {
        "server": number,
        "endpoint": clean(str(path)),
        "format": trace.header.format or "?",
        "method": REPLAYED,
    }

    def measure() -> Measured:
        run = replay(trace, policy)
        error = run.metrics["error"]
        if error is not None:
            raise ReportedError(error, error["exit"])
        if run.metrics["interrupted"]:
            raise SourceError(f"the run in {path} was interrupted")
        return Measured(readings([run]), [run])

    return Case(labels, measure, f"{labels['format']} from {labels['endpoint']}")


def proxy(options: BenchOptions, stack: contextlib.ExitStack) -> str | None:
    """Start the proxy that emulates ``--network``; return its URL, or None if not given.

    It stops with ``stack``.

    Raises:
        ConfigError: the network is unknown or malformed.
    """
    if options.network is None:
        return None
    from voicecli.bench.network.profiles import parse_network  # noqa: PLC0415  only for --network
    from voicecli.bench.network.proxy import ShapingProxy  # noqa: PLC0415  asyncio

    return stack.enter_context(ShapingProxy(parse_network(options.network))).url


class Plan:
    """Makes the runners of each server; their connections are closed with ``stack``."""

    def __init__(
        self,
        options: BenchOptions,
        config: Config,
        device: str,
        proxy_url: str | None,
        stack: contextlib.ExitStack,
    ) -> None:
        self._options = options
        self._config = config
        self._device = device
        self._proxy_url = proxy_url
        self._stack = stack
        self.buffer_ms = flag_or(options.buffer_ms, config.buffer_ms)
        volume = flag_or(options.volume, config.volume)
        self._output = Output(
            OutputSettings(
                policy=buffer_policy(self.buffer_ms),
                output="null" if device == NULL_DEVICE else "device",
                device=None if device == DEFAULT_DEVICE else device,
            )
        )
        self._settings = SessionSettings(
            # A request that needs a retry counts as a failure.
            limits=FetchLimits(config.timeout_s, config.timeout_s, retries=0),
            volume=volume,
        )

    def variants(self, server: Server) -> Iterator[Variant]:
        """Yield the formats of a server, each with the methods to measure."""
        first = COLD if self._options.cold else STREAMED
        methods = (first, WHOLE_FILE) if self._options.baseline else (first,)
        for name in self._options.formats:
            for method in methods:
                yield Variant(
                    server.number,
                    server.label,
                    method,
                    server.endpoint.request("", name),
                    [self._runner(server, method) for _ in range(self._options.concurrency)],
                )

    def _runner(self, server: Server, method: str) -> Runner:
        if method == COLD:
            return Cold(self._say_arguments(server), _environment(server))
        if self._options.simulate:
            return self._simulated(server, whole_file=method == WHOLE_FILE)
        make_source = self._sources(server, None, whole_file=method == WHOLE_FILE)
        return Live(make_source, self._output, self._settings)

    def _simulated(self, server: Server, *, whole_file: bool = False) -> Runner:
        make_source = self._sources(server, self._config.timeout_s, whole_file=whole_file)
        return Simulated(make_source, self._output.policy)

    def _sources(
        self, server: Server, read_timeout_s: float | None, *, whole_file: bool
    ) -> Callable[[SpeechRequest], Source]:
        shared = SourceContext(
            pcm_rate_hz=self._config.sample_rate_hz,
            connect_timeout_s=self._config.connect_timeout_s,
            read_timeout_s=read_timeout_s,
            proxy=self._proxy_url,
            caches=False,
        )
        self._stack.callback(shared.close)

        def make_source(request: SpeechRequest) -> Source:
            source = source_for(server.endpoint, request, shared)
            return WholeFile(source) if whole_file else source

        return make_source

    def _say_arguments(self, server: Server) -> list[str]:
        """Return the flags of ``voicecli say`` for the endpoint and the sound."""
        flags = ["--no-cache"]  # a kept answer says nothing about the server
        flags += ["--device", self._device] if self._device != DEFAULT_DEVICE else []
        flags += ["--buffer-ms", str(self.buffer_ms), "--volume", str(self._settings.volume)]
        if self._proxy_url is not None:
            flags += ["--proxy", self._proxy_url]
        if self._options.profile is not None:
            flags += ["--profile", self._options.profile]
        named = self._options.base_urls[server.number - 1 : server.number]
        if server.is_local:
            named = (str(server.endpoint.base_url),)
        return [*flags, *(part for url in named for part in ("--base-url", url))]

    def references(
        self, servers: Sequence[Server], texts: Sequence[str]
    ) -> dict[int, list[SpeechRun]]:
        """Request each text as pcm, by server, to learn its length; not if pcm is measured."""
        if answers.REFERENCE_FORMAT in self._options.formats:
            return {}
        spoken = texts[: self._options.runs + self._options.warmups]
        return {
            server.number: answers.reference(
                self._simulated(server), server.endpoint.request("", "pcm"), spoken
            )
            for server in servers
        }


def _environment(server: Server) -> dict[str, str]:
    """Return the variables for a process that uses the server; the local one gets no key."""
    env = dict(os.environ)
    if server.is_local:
        env.pop("VOICECLI_API_KEY", None)
    return env
