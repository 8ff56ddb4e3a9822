from __future__ import annotations

import io
import wave

import pytest

from voicecli.audio.riff import HEADER_BYTES, MAX_DATA_BYTES, wav_header


@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (48_000, 2), (768_000, 2)])
def test_pythons_own_reader_agrees(rate_hz, channels):
    data = bytes(4 * 10)
    header = wav_header(rate_hz, channels, len(data))
    assert len(header) == HEADER_BYTES == 44
    with wave.open(io.BytesIO(header + data)) as file:
        told = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        assert told == (rate_hz, channels, 2)
        assert file.readframes(100) == data


def test_a_stream_differs_in_its_sizes_only():
    known, unknown = wav_header(24_000, 1, 100), wav_header(24_000, 1, None)
    assert unknown[4:8] == unknown[40:] == b"\xff\xff\xff\xff"
    assert unknown[8:40] == known[8:40]


def test_the_limit_is_the_largest_that_the_header_can_say():
    assert wav_header(24_000, 1, MAX_DATA_BYTES)[4:8] == b"\xff\xff\xff\xff"
