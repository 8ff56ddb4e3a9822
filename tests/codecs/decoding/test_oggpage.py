from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.containers import CONTINUED, FIRST, LAST, crc, page
from voicecli.codecs.decoding.oggpage import HEADER, header_bytes, page_checksum, read_header

PAGE = bytearray(page([b"ab", bytes(255), b"c"], serial=9, sequence=3, granule=960, flags=LAST))


@given(st.binary(max_size=300))
def test_the_checksum_matches_the_rfc(data):
    assert page_checksum(data) == crc(data)


def test_a_header_states_where_its_packets_end():
    header = read_header(PAGE)
    assert (header.flags, header.granule, header.serial, header.sequence) == (LAST, 960, 9, 3)
    assert header.body_at == 27 + 4
    assert header.ends == [31 + 2, 31 + 2 + 255, 31 + 2 + 255 + 1]
    assert header.size == header.tail_at == len(PAGE)


def test_an_unfinished_packet_is_the_tail():
    raw = bytearray(page([b"ab", bytes(255)], open_end=True))
    header = read_header(raw)
    assert header.ends == [header.body_at + 2]
    assert (header.tail_at, header.size) == (header.body_at + 2, len(raw))


def test_a_page_within_one_packet_is_all_tail():
    raw = bytearray(page([bytes(510)], flags=FIRST | CONTINUED, open_end=True))
    header = read_header(raw)
    assert (header.flags, header.ends, header.tail_at) == (3, [], header.body_at)


def test_a_header_of_another_version_is_rejected():
    assert read_header(PAGE[:4] + b"\1" + PAGE[5:]) is None


def test_the_header_size_grows_once_the_segments_are_known():
    assert header_bytes(PAGE[:26]) == HEADER.size == 27
    assert header_bytes(PAGE[:27]) == header_bytes(PAGE) == 27 + 4


@given(st.integers(0, 25) | st.integers(27, len(PAGE) - 1), st.integers(0, 7))
def test_the_checksum_matches_its_own_page_only(at, bit):
    header = read_header(PAGE)
    assert header.matches_checksum(PAGE[:])
    damaged = PAGE[:]
    damaged[at] ^= 1 << bit
    if not 22 <= at < 26:  # the checksum does not cover itself
        assert not header.matches_checksum(damaged)
