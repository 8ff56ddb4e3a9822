"""Mix more than two channels to one or two, by ITU-R BS.775-3 annex 4, table 2.

A format states the speaker of each channel by a mask (Microsoft, "Multiple channel audio
data and WAVE files") or by the number of channels: WAVE, FLAC and libav agree.
Nothing is scaled down, so that speech, which is in the centre, keeps its level;
what exceeds full scale is clipped on its way to the device, as in other players.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from voicecli.audio.pcm import NO_SPEAKERS, to_float32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voicecli.audio.pcm import Samples

SPEAKERS = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC"),
    *("SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)
"""The speakers in the order of the mask's bits, by libav's names: front, back, side, top."""

_USUAL_MASKS = {3: 0x007, 4: 0x033, 5: 0x037, 6: 0x03F, 7: 0x70F, 8: 0x63F}

_HALF_POWER = 0.7071  # −3 dB
_STEREO = {
    **dict.fromkeys(("FL", "FLC", "TFL"), (1.0, 0.0)),
    **dict.fromkeys(("FR", "FRC", "TFR"), (0.0, 1.0)),
    **dict.fromkeys(("FC", "TFC"), (_HALF_POWER, _HALF_POWER)),
    **dict.fromkeys(("SL", "BL", "TBL"), (_HALF_POWER, 0.0)),
    **dict.fromkeys(("SR", "BR", "TBR"), (0.0, _HALF_POWER)),
    **dict.fromkeys(("BC", "TC", "TBC"), (0.5, 0.5)),
}
"""The gain of each speaker in the left and the right channel; none for the subwoofer."""


def downmix(samples: Samples, wanted: int, speakers: int = 0) -> NDArray[np.float32]:
    """Mix three channels or more to ``wanted``, one or two.

    Args:
        samples: of shape (frames, channels), int16 or float32.
        wanted: 1 or 2.
        speakers: as in `voicecli.audio.pcm.Pcm`.

    Returns:
        float32 of shape (frames, wanted), which may exceed full scale.
    """
    mixed: NDArray[np.float32] = to_float32(samples) @ _matrix(samples.shape[1], wanted, speakers)
    return mixed


@functools.cache
def _matrix(channels: int, wanted: int, speakers: int) -> NDArray[np.float32]:
    """Return the gains, of shape (channels, wanted)."""
    mask = _USUAL_MASKS.get(channels, 0) if speakers == 0 else speakers
    names = [name for bit, name in enumerate(SPEAKERS) if mask >> bit & 1][:channels]
    gains: NDArray[np.float32] = np.zeros((channels, 2), np.float32)
    for channel, name in enumerate(names):
        gains[channel] = _STEREO.get(name, (0.0, 0.0))
    if speakers == NO_SPEAKERS or not gains.any():
        gains[:] = 1 / channels  # the mean: no channel is left out
        return gains[:, :wanted]
    if wanted == 1:  # the table's second row: −3 dB left and right, 0 dB in the centre
        gains = gains.sum(axis=1, keepdims=True) * np.float32(_HALF_POWER)
    return gains
