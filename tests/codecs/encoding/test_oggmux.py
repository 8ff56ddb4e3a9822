"""`voicecli.codecs.encoding.oggmux` against our demultiplexer and the RFC."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.containers import page
from voicecli.codecs.decoding.ogg import OggDemuxer
from voicecli.codecs.encoding.oggmux import MAX_SEGMENTS, OggMuxer, segments


@pytest.mark.parametrize(
    ("size", "count"), [(0, 1), (1, 1), (254, 1), (255, 2), (510, 3), (1276, 6)]
)
def test_a_packet_takes_a_segment_per_255_bytes_and_one_more(size, count):
    assert segments(bytes(size)) == count


def test_a_page_has_the_layout_of_the_rfc():
    muxer = OggMuxer(0xDEADBEEF)
    packets = [b"one", bytes(300), b"", b"\xff" * 255]
    assert muxer.page(packets[:1], 0, first=True) == page(
        packets[:1], serial=0xDEADBEEF, sequence=0, granule=0, flags=2
    )
    assert muxer.page(packets, 1 << 40) == page(
        packets, serial=0xDEADBEEF, sequence=1, granule=1 << 40
    )
    assert muxer.page([b"end"], 7, last=True) == page(
        [b"end"], serial=0xDEADBEEF, sequence=2, granule=7, flags=4
    )


@given(pages=st.lists(st.lists(st.binary(max_size=600), min_size=1, max_size=9), min_size=1))
def test_a_demultiplexer_returns_the_same_packets(pages):
    muxer, demuxer = OggMuxer(5), OggDemuxer()
    data = b"".join(
        muxer.page(packets, number, first=number == 0, last=number == len(pages) - 1)
        for number, packets in enumerate(pages)
    )
    got = [*demuxer.feed(data), *demuxer.flush()]
    assert [page.packets for page in got] == pages
    assert [page.granule for page in got] == list(range(len(pages)))
    assert [(page.first, page.last, page.lost) for page in got] == [
        (number == 0, number == len(pages) - 1, 0) for number in range(len(pages))
    ]


def test_a_page_holds_at_most_255_segments_and_at_least_one():
    muxer = OggMuxer(5)
    full = muxer.page([b"x"] * MAX_SEGMENTS, 0)
    for packets in ([], [b"x"] * (MAX_SEGMENTS + 1), [bytes(255 * 255)]):
        with pytest.raises(ValueError, match="segments"):
            muxer.page(packets, 0)
    assert len(full) == 27 + 255 * 2
    assert muxer.page([b"x"], 0)[18] == 1  # refused pages took no number
