"""From flags and the configuration file to how a session plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from voicecli.config.file import AUTO
from voicecli.errors import SaveError
from voicecli.playback.output import NULL_DEVICE, OutputSettings
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy
from voicecli.session import SessionSettings
from voicecli.session.fetcher import FetchLimits

if TYPE_CHECKING:
    from pathlib import Path

    from voicecli.config.file import Config
    from voicecli.playback.policy import Policy


class PlaybackSettings(NamedTuple):
    """The settings of one run: of its sound output and of its session."""

    output: OutputSettings
    session: SessionSettings


def playback_settings(
    config: Config,
    *,
    expected_format: str | None,
    keeps_audio: bool,
    no_play: bool,
    device: str | None,
    volume: float | None,
    buffer_ms: float | Literal["auto"] | None,
    preroll_ms: float | None,
    timeout_s: float | None,
    retries: int | None,
) -> PlaybackSettings:
    """Choose each setting: the flag, else the configuration file, else the default."""
    wanted = device if device is not None else config.device
    named = None if wanted is None else str(wanted)
    output: Literal["device", "null", "discard"] = "null" if named == NULL_DEVICE else "device"
    if no_play:
        output = "discard"
    patience_s = _either(timeout_s, config.timeout_s)
    return PlaybackSettings(
        OutputSettings(
            policy=buffer_policy(config.buffer_ms if buffer_ms is None else buffer_ms),
            output=output,
            device=named,
            preroll_s=_either(preroll_ms, config.preroll_ms) / 1e3,
            optional=keeps_audio,
        ),
        SessionSettings(
            limits=FetchLimits(
                first_byte_s=patience_s,
                stall_s=patience_s,
                retries=config.retries if retries is None else retries,
            ),
            volume=_either(volume, config.volume),
            expected_format=expected_format,
        ),
    )


def check_folder(save: Path | None) -> None:
    """See that there is a folder for a file that is all that is wanted.

    Where something is to be heard it is heard, whatever becomes of the file.

    Raises:
        SaveError: there is none, so that nothing need be asked for.
    """
    if save is not None and not save.parent.is_dir():
        raise SaveError(f"cannot save {save}: there is no folder {save.parent}")


def buffer_policy(buffer_ms: float | Literal["auto"]) -> Policy:
    """What ``--buffer-ms`` stands for."""
    return AdaptivePolicy() if buffer_ms == AUTO else BufferPolicy.fixed(buffer_ms / 1e3)


def _either(flag: float | None, setting: float) -> float:
    return setting if flag is None else flag
