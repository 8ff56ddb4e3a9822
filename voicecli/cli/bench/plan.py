"""The servers that `voicecli bench` measures, and the ways to hear each of them."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TextIO, cast

from voicecli.bench import answers
from voicecli.bench.answers import COLD, REPLAYED, STREAMED, WHOLE_FILE, ObserverFactory, Variant
from voicecli.bench.case import Case, Measured
from voicecli.bench.local_server import LocalServer
from voicecli.bench.replay import replay
from voicecli.bench.runners import Cold, Live, Simulated, Told
from voicecli.bench.speech import readings
from voicecli.cli.bench.options import DEFAULT_DEVICE
from voicecli.cli.line_file import LineFile
from voicecli.cli.output import print_message
from voicecli.cli.running import new_run_id
from voicecli.cli.settings import buffer_policy
from voicecli.clock import SystemClock
from voicecli.config.endpoint import BUILTIN, KEYLESS, Endpoint, EndpointChoice, resolve_endpoint
from voicecli.errors import SaveError, SourceError
from voicecli.playback.output import NULL_DEVICE, Output, OutputSettings
from voicecli.request import SpeechRequest
from voicecli.sanitize import clean
from voicecli.session import SessionSettings
from voicecli.session.fetcher import FetchLimits
from voicecli.sources.client import SpeechClient
from voicecli.telemetry.trace import TraceWriter, read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from voicecli.bench.runners import Runner
    from voicecli.bench.speech import SpeechRun
    from voicecli.cli.bench.options import BenchOptions
    from voicecli.config.file import Config
    from voicecli.playback.policy import Policy
    from voicecli.telemetry.observers import Observer


class Server(NamedTuple):
    """One of those measured; ``is_own`` where it was started for that."""

    number: int
    endpoint: Endpoint
    label: str
    is_own: bool


def servers(wishes: BenchOptions, config: Config, stack: contextlib.ExitStack) -> list[Server]:
    """All of them, in the order of the command line; what is started ends with ``stack``.

    Raises:
        ConfigError: an endpoint is not to be had.
        NetworkError: our own server did not start.
    """
    found: list[Server] = []
    own: LocalServer | None = None
    for number, base_url in enumerate(wishes.base_urls or (None,), 1):
        choice = EndpointChoice(base_url, wishes.profile, wishes.model, wishes.voice)
        endpoint = resolve_endpoint(choice, os.environ, config)
        for warning in () if wishes.quiet else endpoint.warnings:
            print_message(f"warning: {warning}")
        if is_own := endpoint.is_builtin:
            own = own or stack.enter_context(LocalServer())
            endpoint = replace(endpoint, base_url=own.url, api_key=KEYLESS)
        found.append(Server(number, endpoint, BUILTIN if is_own else endpoint.label, is_own))
    return found


def recording(wishes: BenchOptions) -> ObserverFactory:
    """What listens to the answers for ``--record``.

    Raises:
        SaveError: the folder is not to be had.
    """
    if wishes.record is None:
        return ObserverFactory()
    folder = wishes.record
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"cannot make {folder}: {error.strerror or error}") from error

    @contextlib.contextmanager
    def listening(variant: Variant, number: int) -> Iterator[Sequence[Observer]]:
        journal = LineFile(folder / f"{variant.name}-{number}.jsonl", anew=True)
        lines = cast("TextIO", journal)  # typeshed has io and typing apart
        with contextlib.closing(journal):
            yield [
                TraceWriter(lines, new_run_id(), SystemClock(), variant.request, with_audio=True)
            ]
        if journal.error is not None:
            raise journal.error

    return ObserverFactory(listening, wishes.warmups)


def replays(paths: Sequence[Path], policy: Policy) -> list[Case]:
    """A case for each trace, heard again under a policy.

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
            raise Told(error, error["exit"])
        if run.metrics["interrupted"]:
            raise SourceError(f"the run in {path} was interrupted")
        return Measured(readings([run]), [run])

    return Case(labels, measure, f"{labels['format']} from {labels['endpoint']}")


def proxy(wishes: BenchOptions, stack: contextlib.ExitStack) -> str | None:
    """The URL of the proxy that stands for ``--network``, None without; it ends with ``stack``.

    Raises:
        ConfigError: there is no such network.
    """
    if wishes.network is None:
        return None
    from voicecli.bench.network.profiles import parse_network  # noqa: PLC0415  where it is wanted only
    from voicecli.bench.network.proxy import ShapingProxy  # noqa: PLC0415  asyncio

    return stack.enter_context(ShapingProxy(parse_network(wishes.network))).url


class Plan:
    """Makes the ways to hear each server; what they hold open ends with ``stack``."""

    def __init__(
        self,
        wishes: BenchOptions,
        config: Config,
        device: str,
        proxy_url: str | None,
        stack: contextlib.ExitStack,
    ) -> None:
        self._wishes = wishes
        self._config = config
        self._device = device
        self._proxy_url = proxy_url
        self._stack = stack
        self.buffer_ms = config.buffer_ms if wishes.buffer_ms is None else wishes.buffer_ms
        volume = config.volume if wishes.volume is None else wishes.volume
        self._output = Output(
            OutputSettings(
                policy=buffer_policy(self.buffer_ms),
                output="null" if device == NULL_DEVICE else "device",
                device=None if device == DEFAULT_DEVICE else device,
            )
        )
        self._settings = SessionSettings(
            # A request that takes two tries is a failure, and is counted as one.
            limits=FetchLimits(config.timeout_s, config.timeout_s, retries=0),
            volume=volume,
        )

    def variants(self, server: Server) -> Iterator[Variant]:
        """Every format of a server, streamed or cold, and the usual way beside it."""
        first = COLD if self._wishes.cold else STREAMED
        methods = (first, WHOLE_FILE) if self._wishes.baseline else (first,)
        for name in self._wishes.formats:
            for method in methods:
                yield Variant(
                    server.number,
                    server.label,
                    method,
                    _request(server.endpoint, name),
                    [self._runner(server, method) for _ in range(self._wishes.concurrency)],
                )

    def _runner(self, server: Server, method: str) -> Runner:
        if method == COLD:
            return Cold(self._arguments(server), _environment(server))
        kind = Simulated if self._wishes.simulate else Live
        return self._open(kind, server, whole_file=method == WHOLE_FILE)

    def _open(
        self, kind: type[Live | Simulated], server: Server, *, whole_file: bool = False
    ) -> Runner:
        assert server.endpoint.base_url is not None
        client = SpeechClient(
            server.endpoint.base_url,
            server.endpoint.api_key or KEYLESS,
            connect_timeout_s=self._config.connect_timeout_s,
            read_timeout_s=self._config.timeout_s if kind is Simulated else None,
            proxy=self._proxy_url,
        )
        rate_hz = self._config.sample_rate_hz
        runner = kind(client, self._output, self._settings, rate_hz, whole_file)
        self._stack.callback(runner.close)
        return runner

    def _arguments(self, server: Server) -> list[str]:
        """The endpoint and the sound as flags of ``voicecli say``."""
        flags = ["--device", self._device] if self._device != DEFAULT_DEVICE else []
        flags += ["--buffer-ms", str(self.buffer_ms), "--volume", str(self._settings.volume)]
        if self._proxy_url is not None:
            flags += ["--proxy", self._proxy_url]
        if self._wishes.profile is not None:
            flags += ["--profile", self._wishes.profile]
        named = self._wishes.base_urls[server.number - 1 : server.number]
        if server.is_own:
            named = (str(server.endpoint.base_url),)
        return [*flags, *(part for url in named for part in ("--base-url", url))]

    def references(
        self, found: Sequence[Server], texts: Sequence[str]
    ) -> dict[int, list[SpeechRun]]:
        """How long each text is as pcm, by server, where that is not measured anyway."""
        if answers.REFERENCE_FORMAT in self._wishes.formats:
            return {}
        spoken = texts[: self._wishes.runs + self._wishes.warmups]
        return {
            server.number: answers.reference(
                self._open(Simulated, server), _request(server.endpoint, "pcm"), spoken
            )
            for server in found
        }


def _request(endpoint: Endpoint, name: str) -> SpeechRequest:
    return SpeechRequest(
        text="",
        voice=endpoint.voice,
        model=endpoint.model,
        response_format=name,
        speed=endpoint.speed,
        instructions=endpoint.instructions,
        extra_body=endpoint.extra_body,
    )


def _environment(server: Server) -> dict[str, str]:
    """That of a process that speaks with a server; no key for our own."""
    env = dict(os.environ)
    if server.is_own:
        env.pop("VOICECLI_API_KEY", None)
    return env
