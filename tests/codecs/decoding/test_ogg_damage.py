"""The demultiplexer after damage: nothing of a page whose checksum is wrong comes out."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.containers import CONTINUED, FIRST, LAST, lace, page
from tests.codecs.feeding import in_pieces, split_at
from voicecli.codecs.decoding.ogg import OggDemuxer
from voicecli.codecs.decoding.oggcodec import codec_of

HEAD = page([b"head"], flags=FIRST)
MANY = [bytes([65 + n]) * (n + 3) for n in range(20)]


def pages_of(pieces):
    demuxer = OggDemuxer()
    pages = [page for piece in pieces for page in demuxer.feed(piece)]
    return [*pages, *demuxer.flush()]


def packets_of(pieces, serial=7):
    return [packet for page in pages_of(pieces) if page.serial == serial for packet in page.packets]


def damage(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


# --- damage


PLAIN = [HEAD, *(page([b"p%d" % n] * 3, sequence=n, granule=n) for n in range(1, 6))]


@pytest.mark.parametrize("at", [0, 3, 4, 5, 6, 14, 18, 22, 26, 27, 30, 35])
def test_the_page_after_a_damaged_one_is_found(at):
    pages = list(PLAIN)
    pages[3] = damage(pages[3], at)
    for size in (1, 7, 4096):
        found = pages_of(in_pieces(size, b"".join(pages)))
        assert [page.granule for page in found] == [0, 1, 2, 4, 5]
        assert [page.lost for page in found] == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("junk", [b"x", b"O", b"OggS", b"OggOggS", b"OggS\0" + b"\xff" * 30])
def test_junk_between_pages_is_skipped(junk):
    for size in (1, 7, 4096):
        pages = pages_of(in_pieces(size, junk.join(PLAIN) + junk))
        assert [page.granule for page in pages] == [0, 1, 2, 3, 4, 5]


def test_junk_is_not_kept():
    demuxer = OggDemuxer()
    for _ in range(50):
        list(demuxer.feed(b"\xaa" * 10_000 + b"Og"))
        assert len(demuxer._buffer) <= 3


def test_a_damaged_length_does_not_hide_a_page():
    # The claimed bytes never arrive: only the end shows that the length was wrong.
    pages = list(PLAIN)
    pages[1] = pages[1][:26] + b"\xff" + pages[1][27:]
    assert [page.granule for page in pages_of([b"".join(pages)])] == [0, 2, 3, 4, 5]


def test_a_page_of_another_version_is_ignored():
    odd = PLAIN[1][:4] + b"\1" + PLAIN[1][5:]
    assert [page.granule for page in pages_of([HEAD + odd + PLAIN[2]])] == [0, 2]


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_whole_packets_of_a_truncated_page_come_out(size):
    data = HEAD + page([b"one", b"two", b"three"], sequence=1, granule=3, flags=LAST)
    last = pages_of(in_pieces(size, data[:-2]))[-1]
    assert last.packets == [b"one", b"two"]
    assert (last.granule, last.last, last.checked) == (None, False, False)


def test_a_truncated_page_is_not_trusted_after_a_loss():
    assert packets_of([HEAD + page([b"one", b"two"], sequence=2)[:-2]]) == [b"head"]
    assert packets_of([page([b"one", b"two"], flags=FIRST)[:-2]]) == []


LONG = page(MANY, sequence=1, granule=20)


@pytest.mark.parametrize("at", range(26, 27 + len(MANY)))
@pytest.mark.parametrize("size", [1, 13, 1 << 20])
def test_a_page_with_a_wrong_length_is_dropped(size, at):
    for change in (1, 3, 100):
        bad = LONG[:at] + bytes([LONG[at] + change & 0xFF]) + LONG[at + 1 :]
        data = HEAD + bad + page([b"next"], sequence=2) + page([b"z"], sequence=3)
        pages = pages_of(in_pieces(size, data))
        assert [page.packets for page in pages] == [[b"head"], [b"next"], [b"z"]]
        assert [page.lost for page in pages] == [0, 1, 0]


def test_a_wrong_length_is_noticed_as_soon_as_the_next_page_begins():
    demuxer = OggDemuxer()
    bad = LONG[:30] + b"\xff" * 15 + LONG[45:]
    data = HEAD + bad + b"".join(page([bytes(400)], sequence=n) for n in range(2, 9))
    pages = [page for piece in in_pieces(100, data) for page in demuxer.feed(piece)]
    assert [page.lost for page in pages][:2] == [0, 1]
    assert len(pages) == 8


@given(st.lists(st.integers(0, len(HEAD + LONG)), max_size=8))
def test_a_long_page_gives_the_same_packets_for_any_split(points):
    assert packets_of(split_at(HEAD + LONG, points)) == [b"head", *MANY]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_page_that_lost_bytes_does_not_swallow_the_next(size):
    short = LONG[:60] + LONG[80:]
    following = page([b"next"], sequence=2, granule=21)
    pages = pages_of(in_pieces(size, HEAD + short + following + page([b"z"], sequence=3)))
    assert [page.packets for page in pages[-2:]] == [[b"next"], [b"z"]]
    assert [page.lost for page in pages[-2:]] == [1, 0]
    assert not any(b"OggS" in packet for page in pages for packet in page.packets)


def test_a_long_page_may_continue_a_packet_and_begin_another():
    data = HEAD + page([bytes(255)], sequence=1, granule=-1, open_end=True)
    data += page([b"end", *MANY, bytes(255)], sequence=2, flags=CONTINUED, open_end=True)
    data += page([b"tail"], sequence=3, flags=CONTINUED)
    expected = [b"head", bytes(255) + b"end", *MANY, bytes(255) + b"tail"]
    for size in (1, 7, 1 << 20):
        assert packets_of(in_pieces(size, data)) == expected


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=5))
def test_garbage_raises_nothing_whatever_the_split(data, points):
    data = HEAD + data.replace(b"\0\0", b"OggS\0")
    assert packets_of([data]) == packets_of(split_at(data, points))


@given(st.data())
def test_a_damaged_stream_gives_the_same_packets_for_any_split(data):
    stream = HEAD + LONG + PLAIN[2] + page(MANY, sequence=3) + PLAIN[4]
    for _ in range(data.draw(st.integers(1, 3))):
        stream = damage(stream, data.draw(st.integers(0, len(stream) - 1)))
    points = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    assert (
        packets_of([stream])
        == packets_of(split_at(stream, points))
        == packets_of(in_pieces(1, stream))
    )


def test_at_most_one_page_is_held():
    demuxer = OggDemuxer()
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, 0, 0, 7, 1, 0, 255) + b"\xff" * 255
    most = 0
    for piece in in_pieces(1000, head * 500):
        list(demuxer.feed(piece))
        most = max(most, len(demuxer._buffer))
    assert most <= 65_307 + 1000


@pytest.mark.parametrize(
    ("packet", "name"),
    [
        (b"OpusHead\1", "Opus"),
        (b"\x01vorbis", "Vorbis"),
        (b"\x7fFLAC\1", "FLAC"),
        (b"Speex   1", "Speex"),
        (b"fishead\0", "Skeleton"),
        (b"", None),
        (b"OpusHea", None),
    ],
)
def test_the_first_packet_names_the_codec(packet, name):
    assert codec_of(packet) == name


def test_the_page_builder_laces_correctly():
    # Checks the builder: a packet of 255 n bytes ends in a lacing value of 0.
    assert lace([bytes(255)]) == b"\xff\0"
    assert all(a < b for a, b in pairwise(len(packet) for packet in MANY))
