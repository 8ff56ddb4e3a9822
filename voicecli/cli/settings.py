"""Combine flags and the configuration file into the settings of a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from voicecli.config.file import AUTO
from voicecli.control.voice_turn import WhenBusy
from voicecli.playback.output import NULL_DEVICE, OutputSettings
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy
from voicecli.session import SessionSettings
from voicecli.session.fetcher import FetchLimits
from voicecli.session.seams import SeamPauses

if TYPE_CHECKING:
    from voicecli.config.file import Config
    from voicecli.playback.policy import Policy

T = TypeVar("T")


class PlaybackFlags(NamedTuple):
    """The flags that override the configuration file; None if not given."""

    device: str | None = None
    volume: float | None = None
    buffer_ms: float | Literal["auto"] | None = None
    preroll_ms: float | None = None
    timeout_s: float | None = None
    retries: int | None = None
    when_busy: WhenBusy = WhenBusy.QUEUE
    no_keys: bool = False
    ahead: int = 2
    pauses: SeamPauses = SeamPauses()
    latency_ms: float | Literal["auto"] | None = None


class PlaybackSettings(NamedTuple):
    """The settings of one run: of its sound output and of its session.

    ``when_busy`` is None if nothing is played, not even silently. ``keys`` is whether a
    terminal's keys control it.
    """

    output: OutputSettings
    session: SessionSettings
    when_busy: WhenBusy | None = None
    keys: bool = False


def playback_settings(
    config: Config,
    flags: PlaybackFlags,
    *,
    expected_format: str | None,
    keeps_audio: bool,
    no_play: bool,
) -> PlaybackSettings:
    """Choose each setting: the flag, else the configuration file, else the default."""
    device = flag_or(flags.device, config.device)
    output: Literal["device", "null", "discard"] = "null" if device == NULL_DEVICE else "device"
    if no_play:
        output = "discard"
    wait_s = flag_or(flags.timeout_s, config.timeout_s)
    return PlaybackSettings(
        OutputSettings(
            policy=buffer_policy(flag_or(flags.buffer_ms, config.buffer_ms)),
            output=output,
            device=device,
            preroll_s=flag_or(flags.preroll_ms, config.preroll_ms) / 1e3,
            optional=keeps_audio,
            latency_s=_latency_s(config, flags),
            learns=True,
        ),
        SessionSettings(
            limits=FetchLimits(
                first_byte_s=wait_s,
                stall_s=wait_s,
                retries=flag_or(flags.retries, config.retries),
                ahead=flags.ahead,
            ),
            volume=flag_or(flags.volume, config.volume),
            expected_format=expected_format,
            pauses=flags.pauses,
        ),
        _when_busy(flags.when_busy, output),
        keys=output != "discard" and not flags.no_keys,
    )


def _when_busy(wanted: WhenBusy, output: Literal["device", "null", "discard"]) -> WhenBusy | None:
    """Only what can be heard waits for its turn."""
    if output == "device":
        return wanted
    return WhenBusy.MIX if output == "null" else None


def keep_resident(config: Config, *, wanted: bool = True) -> None:
    """Start a resident for the commands to come, if that is configured and none runs."""
    if wanted and (os.environ.get("VOICECLI_RESIDENT") or config.resident) == "on":
        from voicecli.cli.resident import ensure_running  # noqa: PLC0415  rarely needed

        ensure_running()


def buffer_policy(buffer_ms: float | Literal["auto"]) -> Policy:
    """Return the policy that ``--buffer-ms`` selects."""
    return AdaptivePolicy() if buffer_ms == AUTO else BufferPolicy.fixed(buffer_ms / 1e3)


def _latency_s(config: Config, flags: PlaybackFlags) -> float | None:
    """Return what the device is to buffer, None for as little as it needs."""
    latency_ms = flag_or(flags.latency_ms, config.latency_ms)
    return None if latency_ms == AUTO else latency_ms / 1e3


def flag_or(flag: T | None, setting: T) -> T:
    """Return the value of a flag, or of the configuration file if the flag was not given."""
    return setting if flag is None else flag
