"""Every fault that ends an answer or a file says what to do about it."""

from __future__ import annotations

import pytest

from voicecli.codecs.decoding.auto import AutoDecoder
from voicecli.errors import VoiceError

WAV_WITHOUT_SOUND = bytes.fromhex("52494646 24000000 57415645 666d7420 10000000 01000100") + (
    bytes.fromhex("c05d0000 80bb0000 02001000 64617461 00000000")
)
BODIES = {
    "nothing": b"",
    "a header": WAV_WITHOUT_SOUND,
    "a cut header": WAV_WITHOUT_SOUND[:30],
    "a cut tag": b"ID3\4\0\0\0\0\x7f\x7f",
    "MIDI": b"MThd\0\0\0\x06\0\1\0\2",
    "FLAC without frames": b"fLaC" + bytes(60),
    "MPEG layer II": bytes.fromhex("fffd8400") + bytes(413),
    "half a sample": b"\1\2\3",
}


def decode(decoder, body):
    """Decode a body; raise the fault that its decoder has kept, if any."""
    decoder.feed(body)
    decoder.flush()
    if decoder.fault:
        raise decoder.fault


@pytest.mark.parametrize("is_file", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_every_fault_has_a_remedy(name, is_file):
    declared = "pcm" if name == "half a sample" else "mp3"
    decoder = AutoDecoder(declared, is_file=is_file)
    with pytest.raises(VoiceError) as raised:
        decode(decoder, BODIES[name])
    assert raised.value.remedy
    assert ("file" in raised.value.remedy or "convert" in raised.value.remedy) == is_file


def test_a_fault_that_waits_behind_sound_has_one_too():
    decoder = AutoDecoder("pcm")
    decoder.feed(bytes(5))
    assert decoder.flush()
    assert decoder.fault
    assert decoder.fault.remedy
