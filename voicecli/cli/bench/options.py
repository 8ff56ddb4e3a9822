"""What `voicecli bench` was asked for, checked: limits, texts, device."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import typer

from voicecli.bench import comparison
from voicecli.bench.limits import parse_limit
from voicecli.bench.statistics import MIN_FOR_P99
from voicecli.cli.output import print_message
from voicecli.errors import ConfigError, DeviceError
from voicecli.playback.output import NULL_DEVICE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from voicecli.bench.limits import Limit
    from voicecli.config.file import Config

DEFAULT_TEXT = "The quick brown fox jumps over the lazy dog."
DEFAULT_DEVICE = "default"
STDIN = "-"
_MOST_TEXT_BYTES = 1 << 20


class BenchOptions(NamedTuple):
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
    verbose: bool

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


def limits(wishes: BenchOptions) -> list[Limit]:
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
        if limit.statistic == "p99" and wishes.runs * wishes.concurrency < MIN_FOR_P99:
            raise typer.BadParameter(f"--fail-if {text}: needs at least {MIN_FOR_P99} runs")
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


def texts(wishes: BenchOptions) -> tuple[str, ...]:
    """What is spoken, one text a run.

    Raises:
        typer.BadParameter: there is none, or it cannot be read.
    """
    if wishes.texts is None:
        lines = [DEFAULT_TEXT if wishes.text is None else wishes.text]
    else:
        lines = _read(wishes.texts).decode("utf-8-sig", errors="replace").splitlines()
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


def device(wishes: BenchOptions, config: Config) -> str:
    """What plays: the device wished for, or the default one where there is one."""
    if wishes.simulate:
        return NULL_DEVICE
    wanted = config.device if wishes.device is None else wishes.device
    if wanted is not None:
        return str(wanted)
    from voicecli.playback.portaudio import find_output_device  # noqa: PLC0415  loads PortAudio

    try:
        find_output_device(None)
    except DeviceError as error:
        print_message(f"{error.message}: measured on none, at the pace of sound")
        return NULL_DEVICE
    return DEFAULT_DEVICE
