from __future__ import annotations

import io
import wave

import pytest

from voicecli.audio.wavheader import HEADER_BYTES, MAX_DATA_BYTES, wav_header


@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (48_000, 2), (768_000, 2)])
def test_pythons_wave_module_reads_the_header(rate_hz, channels):
    data = bytes(4 * 10)
    header = wav_header(rate_hz, channels, len(data))
    assert len(header) == HEADER_BYTES == 44
    with wave.open(io.BytesIO(header + data)) as file:
        shape = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        assert shape == (rate_hz, channels, 2)
        assert file.readframes(100) == data


def test_a_stream_header_differs_only_in_its_sizes():
    known, unknown = wav_header(24_000, 1, 100), wav_header(24_000, 1, None)
    assert unknown[4:8] == unknown[40:] == b"\xff\xff\xff\xff"
    assert unknown[8:40] == known[8:40]


def test_the_limit_is_the_largest_size_the_header_can_express():
    assert wav_header(24_000, 1, MAX_DATA_BYTES)[4:8] == b"\xff\xff\xff\xff"
