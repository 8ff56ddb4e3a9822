"""Formats that are not supported are refused by name, whatever was claimed."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.decoding.test_sniff import id3, sniff
from tests.codecs.feeding import in_pieces
from tests.codecs.foreign_streams import FOREIGN, foreign, free_format_mp3
from tests.codecs.samples import encoded
from tests.codecs.signals import noise, tone
from voicecli.codecs.decoding.framing import (
    FRAMINGS,
    OLDER_LAYERS,
    SEARCH_BYTES,
    audio_at,
    cannot_be_samples,
    find_frames,
)
from voicecli.codecs.decoding.sniff import Sniffer
from voicecli.errors import UnsupportedFormat

SIZES = (13, 1000, 1 << 20)


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_streams_are_refused_by_name(name):
    data = foreign(*FOREIGN[name])
    for declared, before, size in product((None, "mp3"), (b"", b"\r\n", id3(50_000)), SIZES):
        with pytest.raises(UnsupportedFormat, match=name):
            sniff(Sniffer(declared), in_pieces(size, before + data))


@pytest.mark.parametrize("name", ["layer I or II", "AC-3", "LATM"])
@pytest.mark.parametrize("content_type", [None, "audio/pcm", "audio/mpeg"])
def test_foreign_frames_are_not_played_as_samples(name, content_type):
    data = foreign(*FOREIGN[name])
    for before, size in product((b"", id3(50_000)), SIZES):
        with pytest.raises(UnsupportedFormat, match=name):
            sniff(Sniffer("pcm", content_type), in_pieces(size, before + data))


@given(
    start=st.sampled_from([b"\xff\xfc", b"\xff\xfd\xc4", b"\x0b\x77", b"\x56\xe1", b"\xff\xff"]),
    level=st.integers(1, 32_767),
    period=st.integers(1, 800),
    seed=st.integers(0, 1 << 16),
)
@settings(max_examples=60, deadline=None)
def test_samples_that_begin_like_a_foreign_frame_are_samples(start, level, period, seed):
    random = np.random.default_rng(seed)
    quiet = random.integers(-level, level, 10_000, np.int16, endpoint=True)
    repeated = np.resize(quiet[:period], 10_000)
    for samples in (quiet, repeated, np.cumsum(quiet // 16, dtype=np.int16)):
        data = start + samples.tobytes()[len(start) :]
        assert sniff(Sniffer("pcm"), [data]) == "pcm"
        repeating = (start + samples[:period].tobytes()) * (20_000 // period)
        assert sniff(Sniffer("pcm"), [repeating[:20_000]]) == "pcm"


def test_a_sound_that_begins_anywhere_is_no_foreign_frame():
    """At each of 400,000 places in loud, quiet and periodic samples that may begin one."""
    sound = np.concatenate([noise(100_000), noise(200_000) >> 12, tone(100_000)]).tobytes()
    for framing in FRAMINGS:
        at = sound.find(framing.sync)
        while framing.certain and at >= 0:
            part = sound[at : at + 20_000]
            assert not cannot_be_samples(framing, part), (framing.name, at)
            at = sound.find(framing.sync, at + 1)


def layer_1(frames, payload):
    """MPEG-1 layer I at 384 kb/s and 48 kHz: frames of 384 bytes."""
    return b"".join(b"\xff\xff\xc4\0" + payload(number) for number in range(frames))


def test_layer_1_where_samples_were_requested_is_named():
    data = layer_1(9, lambda number: noise(190, seed=number).tobytes())
    for size in SIZES:
        with pytest.raises(UnsupportedFormat, match="layer I or II"):
            sniff(Sniffer("pcm"), in_pieces(size, data))


def test_samples_that_repeat_layer_1_are_samples():
    """A tone of 125 Hz whose frequency is a little off, with noise in a third of it."""
    tone_bytes = tone(190).tobytes()
    drifting = layer_1(20, lambda number: tone_bytes[:-100] + noise(50, seed=number).tobytes())
    few = layer_1(7, lambda number: noise(190, seed=number).tobytes())
    faint = np.concatenate([noise(60_000) >> shift for shift in (6, 7, 8, 9)]).tobytes()
    for samples in (drifting, few + bytes(2_000)):
        assert sniff(Sniffer("pcm"), [samples]) == "pcm"
    at = faint.find(b"\xff\xff")
    while at >= 0:
        assert not cannot_be_samples(OLDER_LAYERS, faint[at : at + 8_000])
        at = faint.find(b"\xff\xff", at + 1)


def test_frames_without_a_bit_rate_are_named():
    for declared, size in product((None, "mp3"), SIZES):
        with pytest.raises(UnsupportedFormat, match="free-format MP3"):
            sniff(Sniffer(declared), in_pieces(size, free_format_mp3()))


def test_a_reserved_version_is_not_free_format_mp3():
    reserved = b"\xff\xeb" + free_format_mp3()[2:501]
    with pytest.raises(UnsupportedFormat, match="unrecognised"):
        sniff(Sniffer(), [reserved * 8])


@pytest.mark.parametrize("codec", ["mp3", "aac"])
def test_a_stream_that_begins_inside_a_frame_is_found_without_a_claim(codec):
    data = encoded(codec, 20_000)
    for cut, kept, size in product((1, 77, 200), (700, 1 << 20), SIZES):
        assert sniff(Sniffer(), in_pieces(size, data[cut : cut + kept])) == codec


def test_a_foreign_stream_that_begins_inside_a_frame_is_named():
    with pytest.raises(UnsupportedFormat, match="layer I or II"):
        sniff(Sniffer(), [foreign("mp2", "mp2")[100:]])


def test_noise_has_no_frames():
    for seed in range(40):
        data = noise(SEARCH_BYTES, seed=seed).tobytes()
        assert find_frames(data, final=True) is None


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
def test_no_header_is_longer_than_its_format(framing):
    for seed in range(200):
        data = framing.sync + noise(20, seed=seed).tobytes()
        for end in range(framing.header_bytes):
            assert framing.header(data[:end], 0) is None
        header = framing.header(data, 0)
        assert header is None or header.frame_bytes >= framing.header_bytes


@pytest.mark.parametrize("count", [1, 16, 17, 20_000])
def test_audio_is_looked_for_behind_a_few_tags(count):
    found = audio_at(id3(0) * count + encoded("aac", 12_000, 1))
    assert found == (("aac", False) if count < 17 else (None, False))
