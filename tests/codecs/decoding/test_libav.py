from __future__ import annotations

import av
import numpy as np
import pytest

from tests.codecs import he_aac_streams
from tests.codecs.ffmpeg_streams import adts, flac, raw_mp3
from tests.codecs.mpeg_frames import adts_frames, mp3_frames
from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.libav import (
    MAX_LOST_RUN,
    Concealer,
    LibavPacketDecoder,
    _is_plausible,
    _to_pcm,
)
from voicecli.errors import CorruptStream


def block(value=1.0, frames=4):
    return Pcm(np.full((frames, 1), value, np.float32), 24000)


class Scripted(LibavPacketDecoder):
    """Rejects b"bad", decodes b"none" to nothing, and other packets to a frame per byte."""

    def __init__(self):
        super().__init__("aac")

    def decode(self, packet):
        if packet == b"bad":
            raise CorruptStream("bad")
        return [] if packet == b"none" else [block(frames=len(packet))]


def conceal(*packets, frames=4):
    concealer, blocks = Concealer(Scripted()), []
    for packet in packets:
        blocks += concealer.decode(packet, frames)
    return [(float(b.samples[0, 0]), b.frames) for b in blocks]


def test_a_lost_packet_becomes_silence_at_once():
    assert conceal(b"good", b"bad", b"good") == [(1, 4), (0, 4), (1, 4)]


def test_silence_before_the_first_block_waits_for_its_shape():
    assert conceal(b"bad", b"bad", b"good") == [(0, 8), (1, 4)]
    assert conceal(b"bad", b"none", b"bad") == []


def test_a_doubled_rate_doubles_the_silence():
    assert conceal(b"eightfold", b"bad", frames=4)[1] == (0, 8)


def test_a_run_of_lost_packets_is_limited():
    assert len(conceal(b"good", *[b"bad"] * MAX_LOST_RUN, b"good", b"bad")) == MAX_LOST_RUN + 3
    with pytest.raises(CorruptStream):
        conceal(b"good", *[b"bad"] * (MAX_LOST_RUN + 1))


# --- libav


def test_nan_is_damage_and_does_not_affect_the_next_packet():
    good, poisoned, following = (
        he_aac_streams.POISONED[:128],
        he_aac_streams.POISONED[128:],
        adts_frames(he_aac_streams.MONO)[4],
    )
    decoder = LibavPacketDecoder("aac")
    (before,) = decoder.decode(good)
    with pytest.raises(CorruptStream, match="NaN or huge"):
        decoder.decode(poisoned)
    (behind,) = decoder.decode(following)
    assert behind.format == before.format
    assert np.isfinite(behind.samples).all()


def test_a_restarted_decoder_keeps_its_settings():
    data = flac(9000, sample_type="s32")
    decoder = LibavPacketDecoder("flac", extradata=data[8:42], options={"err_detect": "explode"})
    fresh = decoder._new_context()
    assert (fresh.extradata, fresh.thread_count) == (data[8:42], 1)
    assert fresh.options == {"err_detect": "explode"}


def test_mono_is_not_copied_and_stays_valid():
    decoder = LibavPacketDecoder("mp3float")
    blocks = [b for frame in mp3_frames(raw_mp3(24000)) for b in decoder.decode(frame)]
    assert all(b.samples.base is not None for b in blocks)
    before = [b.samples.copy() for b in blocks]
    decoder.reset()
    del decoder
    for old, b in zip(before, blocks, strict=True):
        assert np.array_equal(old, b.samples)


def test_planes_are_interleaved():
    context = av.CodecContext.create("aac", "r")
    decoder = LibavPacketDecoder("aac")
    for frame in adts_frames(adts(5000, 24000, 2)):
        (theirs,) = context.decode(av.Packet(frame))
        (ours,) = decoder.decode(frame)
        assert np.array_equal(ours.samples, theirs.to_ndarray().T)
        assert ours.samples.flags.c_contiguous


def test_reset_forgets_earlier_packets():
    frames = mp3_frames(raw_mp3(24000))
    fresh, used = LibavPacketDecoder("mp3float"), LibavPacketDecoder("mp3float")
    used.reset()
    for frame in frames:
        used.decode(frame)
    used.reset()
    for frame in frames[:5]:
        (a,), (b,) = fresh.decode(frame), used.decode(frame)
        assert np.array_equal(a.samples, b.samples)


def test_damaged_packets_do_not_read_past_their_end():
    head, rng = mp3_frames(raw_mp3(24000))[5][:4], np.random.default_rng(3)
    size = len(mp3_frames(raw_mp3(24000))[5])
    packets = [head + rng.bytes(size - 4) for _ in range(300)]

    def attempt(litter):
        decoder, sounds, kept = LibavPacketDecoder("mp3float"), [], []
        for packet in packets:
            kept.append(bytearray(litter * (len(packet) + 33)))
            try:
                sounds += [block.samples.tobytes() for block in decoder.decode(packet[:-1] + b"x")]
            except CorruptStream:
                sounds.append(b"refused")
        return sounds

    assert attempt(b"\0") == attempt(b"\xff") == attempt(b"\x55")


def test_rejected_packets_are_corrupt_streams():
    with pytest.raises(CorruptStream):
        LibavPacketDecoder("flac", extradata=flac(5000)[8:42]).decode(b"\xff\xf8junk" * 9)


def test_too_many_channels_are_refused():
    wide = av.AudioFrame(format="fltp", layout="hexadecagonal", samples=8)
    with pytest.raises(CorruptStream, match="16 channels"):
        _to_pcm(wide)


@pytest.mark.parametrize("rate_hz", [0, 1, 999, 768_001])
def test_implausible_rates_are_refused(rate_hz):
    frame = av.AudioFrame(format="s16", layout="mono", samples=8)
    frame.sample_rate = rate_hz
    with pytest.raises(CorruptStream, match=f"{rate_hz} Hz"):
        _to_pcm(frame)
    frame.sample_rate = 1_000
    assert _to_pcm(frame).rate_hz == 1_000


def test_the_log_of_libav_is_left_alone(capfd):
    level = av.logging.get_level()
    with pytest.raises(CorruptStream):
        LibavPacketDecoder("mp3float").decode(b"junk" * 99)
    assert av.logging.get_level() == level
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("values", "is_sound"),
    [
        ((), True),
        ((1.0, -1.0), True),
        ((1024.0, -1024.0), True),
        ((1025.0, 0.0), False),
        ((0.0, float("nan")), False),
        ((float("inf"), 0.0), False),
        ((3e38, 3e38), False),
    ],
)
def test_implausible_samples_are_damage(values, is_sound):
    samples = np.array(values, np.float32).reshape(-1, 1)
    assert _is_plausible(Pcm(samples, 24_000)) is is_sound
