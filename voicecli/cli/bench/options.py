"""Check the options of `voicecli bench` and read the files they name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import typer

from voicecli.bench import comparison
from voicecli.bench.limits import parse_limit
from voicecli.bench.statistics import MIN_FOR_P99
from voicecli.cli import completion
from voicecli.cli.output import print_message
from voicecli.cli.signals import exiting_on_ctrl_c
from voicecli.cli.text_input import read_file
from voicecli.errors import ConfigError, DeviceError
from voicecli.playback.output import NULL_DEVICE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from voicecli.bench.limits import Limit
    from voicecli.config.file import Config

DEFAULT_TEXT = "The quick brown fox jumps over the lazy dog."
DEFAULT_DEVICE = "default"

_MAX_EARLIER_BYTES = 64 << 20


class BenchOptions(NamedTuple):
    """The command line's options; None or empty if not given."""

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

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> BenchOptions:
        """Make the options from the command's parameters; others are ignored."""
        values = {name: given[name] for name in cls._fields}
        for name in ("formats", "base_urls", "replay", "fail_if"):
            values[name] = tuple(values[name] or ())
        if completion.ALL_FORMATS in values["formats"]:
            values["formats"] = completion.FORMATS
        return cls(**values | {"formats": tuple(dict.fromkeys(values["formats"]))})

    def check(self) -> None:
        """Check that the options can be combined.

        Raises:
            typer.BadParameter: two of them cannot.
        """
        for one, other in _CONFLICTS:
            if getattr(self, one) and getattr(self, other):
                raise typer.BadParameter(f"{_flag(one)} and {_flag(other)} cannot be combined")


_NOT_FOR_REPLAY = ("base_urls", "text", "texts", "cold", "baseline", "network", "record", "device")
_CONFLICTS = (
    ("json", "csv"),
    ("quiet", "verbose"),
    ("text", "texts"),
    ("simulate", "cold"),
    ("simulate", "device"),
    ("record", "cold"),
    *(("replay", name) for name in _NOT_FOR_REPLAY),
)
"""Pairs of fields of `BenchOptions` that cannot be combined."""


def _flag(field: str) -> str:
    return "--base-url" if field == "base_urls" else f"--{field}"


def parse_limits(options: BenchOptions) -> list[Limit]:
    """Parse the limits of ``--fail-if``.

    Raises:
        typer.BadParameter: one is malformed, or needs more runs than there will be.
    """
    limits = []
    for text in options.fail_if:
        try:
            limit = parse_limit(text)
        except ValueError as error:
            raise typer.BadParameter(f"--fail-if: {error}") from error
        if limit.statistic == "p99" and options.runs * options.concurrency < MIN_FOR_P99:
            raise typer.BadParameter(f"--fail-if {text}: p99 requires {MIN_FOR_P99} runs")
        limits.append(limit)
    return limits


def read_earlier(path: Path) -> Mapping[str, Any]:
    """Read the results that ``--compare`` names.

    Raises:
        ConfigError: the file cannot be read, or contains something else.
    """
    try:
        with path.open("rb") as file:  # which may be a pipe
            content = file.read(_MAX_EARLIER_BYTES + 1)
        if len(content) > _MAX_EARLIER_BYTES:
            raise ConfigError(f"{path} is too large for the results of a benchmark")
        data = json.loads(content.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid JSON") from error
    return comparison.check(data, str(path))


def read_texts(options: BenchOptions) -> tuple[str, ...]:
    """Return the texts to speak, one per run.

    Raises:
        typer.BadParameter: there is none, or the file cannot be read.
    """
    if options.texts is None:
        lines = [DEFAULT_TEXT if options.text is None else options.text]
    else:
        lines = read_file(str(options.texts)).splitlines()
    texts = tuple(line.strip() for line in lines if line.strip())
    if not texts:
        raise typer.BadParameter("there is no text to speak")
    return texts


def choose_device(options: BenchOptions, config: Config) -> str:
    """Return the device asked for, else the default one, else the null device."""
    if options.simulate:
        return NULL_DEVICE
    wanted = config.device if options.device is None else options.device
    if wanted is not None:
        return str(wanted)
    from voicecli.playback.portaudio import find_output_device  # noqa: PLC0415  loads PortAudio

    try:
        with exiting_on_ctrl_c():
            find_output_device(None)
    except DeviceError as error:
        print_message(f"{error.message}; measuring without a device, in real time")
        return NULL_DEVICE
    return DEFAULT_DEVICE
