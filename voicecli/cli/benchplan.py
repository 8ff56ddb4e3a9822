"""What `voicecli bench` was asked for, checked and made ready: limits, texts, device, servers."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import typer

from voicecli.bench import answers, comparison
from voicecli.bench.answers import COLD, STREAMED, WHOLE_FILE, Observe, Way
from voicecli.bench.hearing import Cold, Live, Simulated
from voicecli.bench.limits import parse_limit
from voicecli.bench.ownserver import OwnServer
from voicecli.bench.statistics import ENOUGH_FOR_P99
from voicecli.cli.output import tell
from voicecli.cli.settings import buffer_policy
from voicecli.endpoint import BUILTIN, KEYLESS, Endpoint, EndpointChoice, resolve_endpoint
from voicecli.errors import ConfigError, DeviceError
from voicecli.playback.speaker import NULL_DEVICE, SpeakerSettings
from voicecli.request import SpeechRequest
from voicecli.session import SessionSettings
from voicecli.session.fetcher import FetchLimits
from voicecli.sources.openai import SpeechClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from voicecli.bench.hearing import Hearing
    from voicecli.bench.limits import Limit
    from voicecli.bench.speech import SpeechRun
    from voicecli.config import Config

DEFAULT_TEXT = "The quick brown fox jumps over the lazy dog."
DEFAULT_DEVICE = "default"
STDIN = "-"
_MOST_TEXT_BYTES = 1 << 20


class Wishes(NamedTuple):
    """What the command line asked for; None and empty where it said nothing."""

    formats: tuple[str, ...]
    base_urls: tuple[str, ...]
    profile: str | None
    model: str | None
    voice: str | None
    text: str | None
    texts: Path | None
    runs: int
    warmups: int
    concurrency: int
    cold: bool
    baseline: bool
    network: str | None
    device: str | None
    simulate: bool
    buffer_ms: float | Literal["auto"] | None
    volume: float | None
    record: Path | None
    replay: tuple[Path, ...]
    fail_if: tuple[str, ...]
    compare: Path | None
    report: Path | None
    json: bool
    csv: bool
    quiet: bool

    def check(self) -> None:
        """See that they do not contradict one another.

        Raises:
            typer.BadParameter: they do.
        """
        for one, other in (
            ("json", "csv"),
            ("text", "texts"),
            ("simulate", "cold"),
            ("simulate", "device"),
            ("record", "cold"),
            *(("replay", name) for name in _NOT_OF_REPLAYS),
        ):
            if getattr(self, one) and getattr(self, other):
                flags = (f"--{name.replace('_', '-')}" for name in (one, other))
                raise typer.BadParameter(f"{' and '.join(flags)} do not go together")


_NOT_OF_REPLAYS = ("base_urls", "text", "texts", "cold", "baseline", "network", "record", "device")


def limits(wishes: Wishes) -> list[Limit]:
    """Those of ``--fail-if``.

    Raises:
        typer.BadParameter: one is malformed, or could never be told.
    """
    parsed = []
    for text in wishes.fail_if:
        try:
            limit = parse_limit(text)
        except ValueError as error:
            raise typer.BadParameter(f"--fail-if: {error}") from error
        if limit.statistic == "p99" and wishes.runs * wishes.concurrency < ENOUGH_FOR_P99:
            raise typer.BadParameter(f"--fail-if {text}: a p99 takes {ENOUGH_FOR_P99} runs")
        parsed.append(limit)
    return parsed


def earlier(path: Path) -> Mapping[str, Any]:
    """The JSON that ``--compare`` names.

    Raises:
        ConfigError: it cannot be read, or is something else.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON") from error
    return comparison.check(told, str(path))


def texts(wishes: Wishes) -> tuple[str, ...]:
    """What is spoken, one text a run.

    Raises:
        typer.BadParameter: there is none, or it cannot be read.
    """
    if wishes.texts is None:
        lines = [DEFAULT_TEXT if wishes.text is None else wishes.text]
    else:
        lines = _read(wishes.texts).decode("utf-8", errors="replace").splitlines()
    told = tuple(line.strip() for line in lines if line.strip())
    if not told:
        raise typer.BadParameter("there is no text to speak")
    return told


def _read(path: Path) -> bytes:
    try:
        if str(path) == STDIN:
            return b"" if sys.stdin is None else sys.stdin.buffer.read(_MOST_TEXT_BYTES)
        with path.open("rb") as file:
            return file.read(_MOST_TEXT_BYTES)
    except OSError as error:
        raise typer.BadParameter(f"cannot read {path}: {error.strerror or error}") from error


def device(wishes: Wishes, config: Config) -> str:
    """What plays: the device wished for, or the default one where there is one."""
    if wishes.simulate:
        return NULL_DEVICE
    wanted = config.device if wishes.device is None else wishes.device
    if wanted is not None:
        return str(wanted)
    from voicecli.playback.device import find_output_device  # noqa: PLC0415  loads PortAudio

    try:
        find_output_device(None)
    except DeviceError as error:
        tell(f"{error.message}: measured on none, at the pace of sound")
        return NULL_DEVICE
    return DEFAULT_DEVICE


class Server(NamedTuple):
    """One of those measured; ``is_own`` where it was started for that."""

    number: int
    endpoint: Endpoint
    label: str
    is_own: bool


def servers(wishes: Wishes, config: Config, stack: contextlib.ExitStack) -> list[Server]:
    """All of them, in the order of the command line; what is started ends with ``stack``.

    Raises:
        ConfigError: an endpoint is not to be had.
        NetworkError: our own server did not start.
    """
    found: list[Server] = []
    own: OwnServer | None = None
    for number, base_url in enumerate(wishes.base_urls or (None,), 1):
        choice = EndpointChoice(base_url, wishes.profile, wishes.model, wishes.voice)
        endpoint = resolve_endpoint(choice, os.environ, config)
        for warning in () if wishes.quiet else endpoint.warnings:
            tell(f"warning: {warning}")
        if is_own := endpoint.is_builtin:
            own = own or stack.enter_context(OwnServer())
            endpoint = replace(endpoint, base_url=own.url, api_key=KEYLESS)
        found.append(Server(number, endpoint, BUILTIN if is_own else endpoint.label, is_own))
    return found


def recording(wishes: Wishes) -> Observe:
    """What listens to the answers for ``--record``.

    Raises:
        SaveError: the folder is not to be had.
    """
    if wishes.record is None:
        return Observe()
    raise NotImplementedError


def proxy(wishes: Wishes, stack: contextlib.ExitStack) -> str | None:
    """The URL of the proxy that stands for ``--network``, None without; it ends with ``stack``.

    Raises:
        ConfigError: there is no such network.
    """
    if wishes.network is None:
        return None
    from voicecli.bench.network import parse_network  # noqa: PLC0415  where it is wanted only
    from voicecli.bench.proxy import ShapingProxy  # noqa: PLC0415  asyncio

    return stack.enter_context(ShapingProxy(parse_network(wishes.network))).url


class Plan:
    """Makes the ways to hear each server; what they hold open ends with ``stack``."""

    def __init__(
        self,
        wishes: Wishes,
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
        self._settings = SessionSettings(
            speaker=SpeakerSettings(
                policy=buffer_policy(self.buffer_ms),
                output="null" if device == NULL_DEVICE else "device",
                device=None if device == DEFAULT_DEVICE else device,
            ),
            # A request that takes two tries is a failure, and is counted as one.
            limits=FetchLimits(config.timeout_s, config.timeout_s, retries=0),
            volume=volume,
        )

    def ways(self, server: Server) -> Iterator[Way]:
        """Every format of a server, streamed or cold, and the usual way beside it."""
        first = COLD if self._wishes.cold else STREAMED
        methods = (first, WHOLE_FILE) if self._wishes.baseline else (first,)
        for name in self._wishes.formats:
            for method in methods:
                yield Way(
                    server.number,
                    server.label,
                    method,
                    _request(server.endpoint, name),
                    [self._hearing(server, method) for _ in range(self._wishes.concurrency)],
                )

    def _hearing(self, server: Server, method: str) -> Hearing:
        if method == COLD:
            return Cold(self._arguments(server), _environment(server))
        kind = Simulated if self._wishes.simulate else Live
        return self._open(kind, server, whole_file=method == WHOLE_FILE)

    def _open(
        self, kind: type[Live | Simulated], server: Server, *, whole_file: bool = False
    ) -> Hearing:
        assert server.endpoint.base_url is not None
        client = SpeechClient(
            server.endpoint.base_url,
            server.endpoint.api_key or KEYLESS,
            connect_timeout_s=self._config.connect_timeout_s,
            read_timeout_s=self._config.timeout_s if kind is Simulated else None,
            proxy=self._proxy_url,
        )
        hearing = kind(client, self._settings, self._config.sample_rate_hz, whole_file)
        self._stack.callback(hearing.close)
        return hearing

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
