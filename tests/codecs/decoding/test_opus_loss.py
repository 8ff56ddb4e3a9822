"""Lost and damaged pages of Ogg Opus."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.containers import LAST, opus_pages, page
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined
from tests.codecs.samples import opus_packets
from voicecli.codecs import libopus
from voicecli.codecs.decoding.opus import OpusDecoder
from voicecli.codecs.libopus import OpusPacketDecoder
from voicecli.errors import CorruptStream, TruncatedStream, UnsupportedFormat

RATES_HZ = [8_000, 12_000, 16_000, 24_000, 48_000]
PACKETS = 15
WHOLE = PACKETS * 960


def stream(**options):
    return b"".join(opus_pages(opus_packets(PACKETS), **options))


def samples(data, rate_hz=48_000):
    return joined(decode(OpusDecoder(rate_hz), [data]))


# --- loss


def lossy(*missing, count=PACKETS, **options):
    pages = opus_pages(opus_packets(count), **options)
    return b"".join(some for number, some in enumerate(pages) if number not in missing)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("missing", [(2,), (3,), (2, 3), (1,), (1, 2)])
def test_lost_pages_keep_their_duration(missing, rate_hz):
    data = lossy(*missing)
    whole = samples(stream(), rate_hz)
    got = samples(data, rate_hz)
    assert got.shape == whole.shape
    assert np.array_equal(joined(decode(OpusDecoder(rate_hz), in_pieces(1, data))), got)


def test_a_lost_page_is_concealed_and_fades_out():
    got, whole = samples(lossy(3)), samples(stream())
    at = 5 * 960 - 312
    assert np.array_equal(got[:at], whole[:at])
    assert 4_000 < np.abs(got[at : at + 480]).max() < 24_000
    assert np.abs(got[at + 4 * 960 : at + 5 * 960]).max() < 8_000
    # Later audio keeps its position: loudness recovers slowly, phase at once.
    assert np.corrcoef(got[-960:, 0], whole[-960:, 0])[0, 1] > 0.9


def test_a_damaged_page_is_concealed_like_a_lost_one():
    pages = opus_pages(opus_packets(PACKETS))
    pages[3] = pages[3][:100] + bytes([pages[3][100] ^ 1]) + pages[3][101:]
    assert np.array_equal(samples(b"".join(pages)), samples(lossy(3)))


def test_a_lost_last_page_is_a_truncated_stream():
    blocks, fault = decode_until_fault(OpusDecoder(), [lossy(4)])
    assert np.array_equal(joined(blocks), samples(stream())[: 10 * 960 - 312])
    assert isinstance(fault, TruncatedStream)


def test_joining_a_broadcast_late_is_not_a_loss():
    data = lossy(2, start_granule=1 << 40)
    assert len(samples(data)) == WHOLE - 5 * 960 - 312


@pytest.mark.parametrize("claim", [1 << 40, (1 << 63) - 1])
@pytest.mark.parametrize("step", [960, 10 * 48_000], ids=["one gap", "a gap before every page"])
def test_claimed_gaps_are_concealed_within_limits(claim, step):
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets, mark_last=False)
    for number in range(100):
        granule = claim - (100 - number) * step
        pages.append(page(packets[:1], sequence=50 + 2 * number, granule=granule))
    blocks, _ = decode_until_fault(OpusDecoder(8_000), pages)
    seconds = sum(block.duration_s for block in blocks)
    assert 5 < seconds < 5 + 2 * (0.02 * 115)


def test_a_gap_of_zero_or_negative_length_is_ignored():
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets, mark_last=False)
    pages.append(page(packets[:1], sequence=9, granule=960, flags=LAST))
    assert len(samples(b"".join(pages))) == WHOLE - 312 + 960


def test_a_rejected_packet_keeps_its_duration():
    packets = list(opus_packets(PACKETS))
    toc = packets[7][0] | 3  # many frames whose sizes do not add up
    packets[7] = bytes([toc, 0x82, 0xFF, 0xFF])
    length = OpusPacketDecoder.packet_length(packets[7])
    got = samples(b"".join(opus_pages(packets)))
    assert len(got) == WHOLE - 312 - 960 + length


def test_recovery_uses_the_copy_in_the_next_packet():
    decoder = libopus.OpusPacketDecoder(48_000, 1)
    out = np.zeros(960, np.int16)
    packets = opus_packets(3)
    decoder.decode(packets[0], out.ctypes.data, 960)
    decoder.recover(packets[2], out.ctypes.data, 960)
    assert np.abs(out).max() > 1_000  # CELT has no redundancy: concealed


def test_recovery_falls_back_to_concealment():
    decoder = libopus.OpusPacketDecoder(48_000, 1)
    out = np.zeros(960, np.int16)
    decoder.decode(opus_packets(1)[0], out.ctypes.data, 960)
    decoder.recover(b"\xff", out.ctypes.data, 960)
    assert np.abs(out).max() > 1_000


def test_a_gap_shorter_than_the_next_packet_is_concealed():
    packets = opus_packets(PACKETS)
    pages = opus_pages(packets[:5], mark_last=False)
    pages.append(page(packets[5:6], sequence=4, granule=6 * 960 + 480, flags=LAST))
    assert len(samples(b"".join(pages))) == 6 * 960 + 480 - 312


# --- long pages


def changed(pages, which, at, change):
    """Add to one byte of one page."""
    bad = bytearray(pages[which])
    bad[at] = bad[at] + change & 0xFF
    return b"".join([*pages[:which], bytes(bad), *pages[which + 1 :]])


@pytest.mark.parametrize("size", [13, 1000, 1 << 20])
@pytest.mark.parametrize("which", [2, 3, 4])
@pytest.mark.parametrize(("at", "change"), [(30, 1), (30, -1), (35, 90), (26, 1), (200, 77)])
def test_a_page_with_a_wrong_checksum_makes_no_noise(which, at, change, size):
    pages = opus_pages(opus_packets(45), per_page=15)
    whole = samples(b"".join(pages))
    blocks, _ = decode_until_fault(
        OpusDecoder(), in_pieces(size, changed(pages, which, at, change))
    )
    got = joined(blocks)
    assert len(whole) - 15 * 960 <= len(got) <= len(whole) + 960
    assert np.abs(got).max() < 1.3 * np.abs(whole).max()
    at = (which - 2) * 15 * 960 - 312
    assert np.array_equal(got[: max(0, at)], whole[: max(0, at)])


@pytest.mark.parametrize("trim", [0, 500, 3_000, 15 * 960])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_a_long_last_page_is_trimmed_for_any_split(trim, size):
    pages = opus_pages(opus_packets(30), per_page=15, trim=trim)
    blocks = decode(OpusDecoder(), in_pieces(size, b"".join(pages)))
    expected = samples(b"".join(opus_pages(opus_packets(30), per_page=15)))
    assert np.array_equal(joined(blocks), expected[: len(expected) - trim])


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
@pytest.mark.parametrize("which", [2, 3])
def test_a_long_page_with_a_bad_checksum_does_not_shift_the_end(which, size):
    pages = opus_pages(opus_packets(45), per_page=15, trim=500)
    pages[which] = pages[which][:-1] + bytes([pages[which][-1] ^ 1])
    blocks = decode(OpusDecoder(), in_pieces(size, b"".join(pages)))
    missing = 45 * 960 - 312 - 500 - len(joined(blocks))
    assert 0 <= missing < 120  # concealment has a grid of 2.5 ms


@pytest.mark.parametrize("damage", [lambda data: data[:-1] + b"?", lambda data: data[:-90]])
def test_a_damaged_long_last_page_ends_the_same_for_any_split(damage):
    data = damage(b"".join(opus_pages(opus_packets(30), per_page=15, trim=5_000)))
    whole, fault = decode_until_fault(OpusDecoder(), [data])
    for size in (1, 61, 500):
        parts, same = decode_until_fault(OpusDecoder(), in_pieces(size, data))
        assert np.array_equal(joined(parts), joined(whole))
        assert type(fault) is type(same) is TruncatedStream


@settings(max_examples=40)
@given(st.data())
def test_a_damaged_stream_gives_the_same_samples_for_any_split(data):
    damaged = bytearray(b"".join(opus_pages(opus_packets(30), per_page=15)) + stream(serial=3))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    whole, fault = decode_until_fault(OpusDecoder(), [bytes(damaged)])
    parts, same = decode_until_fault(
        OpusDecoder(), in_pieces(data.draw(st.integers(1, 300)), damaged)
    )
    assert np.array_equal(flat(whole), flat(parts))
    assert type(fault) is type(same)
    assert isinstance(fault, CorruptStream | TruncatedStream | UnsupportedFormat | None)


def flat(blocks):
    return np.concatenate([np.zeros(0, np.int16), *(block.samples.ravel() for block in blocks)])
