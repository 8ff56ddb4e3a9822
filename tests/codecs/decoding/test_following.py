"""Another format behind samples whose end is not known is reported, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.containers import chunk, wav
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined
from tests.codecs.samples import encoded
from tests.codecs.signals import noise, tone
from voicecli.codecs import make_decoder
from voicecli.codecs.decoding.auto import AutoDecoder
from voicecli.codecs.decoding.following import find_header, find_other
from voicecli.codecs.decoding.pcm import PcmDecoder
from voicecli.codecs.decoding.wav import WavDecoder
from voicecli.errors import CorruptStream

SIZES = (7, 1_000, 1 << 20)
ID3 = b"ID3\4\0\0\0\0\0\x23TSSE\0\0\0\x0f\0\0\3Lavf62.3.100\0" + bytes(11)
NAMES = {"opus": "Ogg", "mp3": "mp3", "flac": "flac"}
CODECS_WITH_AN_END = ("wav", "opus", "mp3", "aac", "flac")
SIGNS = (b"fLaC", b"OggS", b"ID3", b"Info", b"Xing", b"RIFF")


def file_in(name):
    return wav(tone(12_000)) if name == "wav" else encoded(name, 12_000)


def others():
    """Files in other formats, as servers send them."""
    files = {name: encoded(name, 12_000) for name in NAMES}
    files |= {"aac": ID3 + encoded("aac", 12_000), "tagged": ID3 + encoded("mp3", 12_000)}
    return files


@pytest.mark.parametrize("name", ["opus", "mp3", "flac", "aac", "tagged"])
@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 2_000_000_000, 0xFFFFFFFF - 36])
def test_another_format_behind_a_wav_without_a_size_is_not_heard(name, size):
    sound = noise(3_000)
    for piece in SIZES:
        data = in_pieces(piece, wav(sound, size=size) + others()[name])
        blocks, fault = decode_until_fault(WavDecoder(), data)
        assert isinstance(fault, CorruptStream)
        shown = {"tagged": "mp3", "aac": "aac"}.get(name) or NAMES[name]
        assert fault.message == f"{shown} audio follows the WAV audio, and is not played"
        got = joined(blocks)[:, 0]
        assert np.array_equal(got[:3_000], sound[:, 0])
        assert len(got) < 3_000 + 100  # the header of the first MP3 frame


@pytest.mark.parametrize("name", ["opus", "mp3", "flac", "aac", "tagged"])
@pytest.mark.parametrize("chunk_name", [b"LIST", b"bext", b"junk"])
def test_another_format_behind_a_long_chunk_is_reported(name, chunk_name):
    data = wav(noise(3_000)) + chunk(chunk_name, bytes(200_000)) + others()[name]
    for piece in SIZES[1:]:
        blocks, fault = decode_until_fault(WavDecoder(), in_pieces(piece, data))
        assert isinstance(fault, CorruptStream)
        assert "follows the WAV audio, and is not played" in fault.message
        assert np.array_equal(joined(blocks), noise(3_000))


def test_another_wav_behind_a_tag_is_played():
    data = wav(noise(3_000)) + ID3 + wav(noise(100))
    for piece in SIZES:
        got = joined(decode(WavDecoder(), in_pieces(piece, data)))
        assert np.array_equal(got[:3_000], noise(3_000))
        assert np.array_equal(got[-100:], noise(100))


@pytest.mark.parametrize("name", ["opus", "mp3", "flac", "aac", "tagged", "wav"])
@pytest.mark.parametrize("channels", [1, 2])
def test_another_format_behind_raw_samples_is_not_heard(name, channels):
    sound = noise(3_000, channels)
    other = wav(noise(100)) if name == "wav" else others()[name]
    for piece in SIZES:
        decoder = AutoDecoder("pcm", channels=channels)
        blocks, fault = decode_until_fault(decoder, in_pieces(piece, sound.tobytes() + other))
        assert isinstance(fault, CorruptStream)
        assert "audio follows the raw samples, and is not played" in fault.message
        got = joined(blocks)
        assert np.array_equal(got[:3_000], sound)
        assert len(got) < 3_000 + 100


BETWEEN = {
    "nothing": b"",
    "ID3": ID3,
    "ID3v1": b"TAG" + bytes(125),
    "APE": b"APETAGEX\xd0\7\0\0\x20\0\0\0" + bytes(7) + b"\x80" + bytes(8),
    "ID3v1 and ID3": b"TAG" + bytes(125) + ID3,
    "NULs": bytes(500),
    "a line end": b"\r\n",
}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("first", CODECS_WITH_AN_END)
def test_what_follows_is_played_or_reported(first, between):
    """The same format is played, whatever tag is between; another is never lost in silence."""
    whole = joined(decode(make_decoder(first), [file_in(first)]))
    for second in CODECS_WITH_AN_END:
        data = file_in(first) + BETWEEN[between] + file_in(second)
        for piece in SIZES:
            blocks, fault = decode_until_fault(make_decoder(first), in_pieces(piece, data))
            got = joined(blocks)
            if second == first:
                assert fault is None
                assert len(got) == 2 * len(whole)
            else:
                assert isinstance(fault, CorruptStream), second
                assert fault.message.endswith(" audio, and is not played") or first == "opus"
                assert "audio follows the" in fault.message
                assert np.array_equal(got[: len(whole)], whole)


def test_frames_of_the_same_format_in_garbage_do_not_end_the_stream():
    """Three letters are a weak sign of a tag, so what is behind them is found by its frames."""
    for name in ("mp3", "aac"):
        data = encoded(name, 12_000) + b"x" + BETWEEN["ID3v1"] + encoded(name, 12_000)
        whole = joined(decode(make_decoder(name), [data]))
        for piece in (1, 2, *SIZES):
            assert np.array_equal(joined(decode(make_decoder(name), in_pieces(piece, data))), whole)


def hostile():
    """Samples that look like the beginning of other formats."""
    rng = np.random.default_rng(5)
    tag = b"ID3\4\0\0\0\0\x27\x08"  # longer than what is looked behind
    words = [*SIGNS, tag, ID3[:5], b"fLaC\0\0", b"OggS\0\2\0", b"\xff\xfb\x90\x64", b"Info\xff\xfb"]
    for _ in range(40):
        chosen = [words[rng.integers(len(words))] + rng.bytes(rng.integers(9)) for _ in range(60)]
        data = b"".join(chosen)
        yield data[: len(data) // 2 * 2]
    yield noise(4_000).tobytes()
    yield (noise(4_000) // 256).tobytes()
    yield tone(4_000).tobytes()
    yield (b"\xff\xfb\x90\x64" + bytes(413)) * 8 + bytes(2)


@pytest.mark.parametrize("is_wav", [False, True])
def test_samples_are_never_cut(is_wav):
    for samples in hostile():
        data = wav(np.frombuffer(samples, "<i2").reshape(-1, 1), size=0) if is_wav else samples
        for piece in SIZES:
            decoder = WavDecoder() if is_wav else PcmDecoder()
            assert joined(decode(decoder, in_pieces(piece, data))).tobytes() == samples


@given(before=st.binary(max_size=30), sign=st.sampled_from(SIGNS), cut=st.integers(1, 4))
def test_a_sign_that_is_cut_waits_and_no_other_bytes_do(before, sign, cut):
    data = before + b"\0" + sign[:cut]
    waits_at = min(find_other(data, 0, final=False)[0], find_header(data, 0)[0])
    assert waits_at == len(before) + 1
    assert find_other(data, 0, final=True) == (len(data), None)
    assert find_other(data + b"\0", 0, final=True) == (len(data) + 1, None)


def split_results(data):
    """What raw samples give: whole, in pieces of some sizes, and cut once at every place."""
    splits = [in_pieces(size, data) for size in (1, 7, 13, 100)]
    splits += [[data[:at], data[at:]] for at in range(len(data) + 1)]
    for pieces in ([data], *splits):
        blocks, fault = decode_until_fault(PcmDecoder(), pieces)
        yield b"".join(block.samples.tobytes() for block in blocks), str(fault)


@pytest.mark.parametrize("gap", [0, 2, 22, 44, 54, 56, 70])
@pytest.mark.parametrize("first", [bytes.fromhex("49443304 00 00 d385 0e91"), ID3[:6] + bytes(4)])
@pytest.mark.parametrize("name", ["opus", "mp3", "flac", "aac"])
def test_tags_close_together_are_judged_alike_in_any_pieces(name, first, gap):
    other = ID3[:6] + b"\0\0\0\2\0\0" + encoded(name, 12_000)[:2_000]
    data = noise(40).tobytes() + first + b"\1" * gap + other
    results = set(split_results(data))
    assert len(results) == 1
    samples, fault = results.pop()
    assert "audio follows the raw samples, and is not played" in fault
    assert len(samples) <= 80 + len(first) + gap + 12  # the file may have a tag of its own


@pytest.mark.parametrize("apart", [4, 5, 63, 64, 65])
def test_info_tags_close_together_are_judged_alike_in_any_pieces(apart):
    tag = b"Info" + b"\1" * (apart - 4) + b"Xing\1\1"
    data = noise(40).tobytes() + tag + encoded("mp3", 12_000)[1_000:3_000]
    assert len(set(split_results(data))) == 1


@given(
    st.lists(
        st.sampled_from(
            [ID3[:10], ID3[:6], b"ID3", b"Info", b"Xing", b"fLaC", b"OggS\0\2", b"\xff\xfb\x90\x64"]
            + [bytes(n) for n in (1, 30, 61, 64, 413)]
            + [ID3[:6] + bytes(3) + b"\1", b"OggS\0\2" + bytes(8), b"fLaC\0\0\0\x22"]
        ),
        max_size=12,
    ),
    st.integers(1, 90),
)
def test_no_split_changes_where_another_format_begins(words, size):
    data = b"".join(words)
    header = wav(noise(0), size=0)
    long_chunk = wav(noise(40)) + chunk(b"LIST", bytes(100)) + b"\1"
    for make, before in ((PcmDecoder, b""), (WavDecoder, header), (WavDecoder, long_chunk)):
        whole, *parts = (
            decode_until_fault(make(), pieces)
            for pieces in (
                [before + data],
                in_pieces(size, before + data),
                in_pieces(1, before + data),
            )
        )
        for blocks, fault in parts:
            assert str(fault) == str(whole[1])
            assert np.array_equal(joined(blocks), joined(whole[0]))


def test_what_may_be_a_tag_holds_back_little():
    decoder = PcmDecoder()
    data = b"\1\2" * 100 + ID3[:6] + b"\0\0\x1f\x7f" + b"\1\2" * 20_000
    held = 0
    for number, piece in enumerate(in_pieces(100, data)):
        got = sum(block.frames for block in decoder.feed(piece))
        held += len(piece) - 2 * got
        assert held < 10_000, number
