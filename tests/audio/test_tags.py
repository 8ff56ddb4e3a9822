from __future__ import annotations

import pytest

from tests.codecs.mpeg_frames import ID3V1, ape, id3v2
from voicecli.audio.tags import tag_bytes


@pytest.mark.parametrize(
    "tag", [ID3V1, id3v2(), id3v2(bytes(300)), id3v2(flags=0x10), ape(), ape(b"")]
)
def test_the_size_of_a_tag_is_in_its_first_bytes(tag):
    assert tag_bytes(tag + b"and what follows") == len(tag)
    assert tag_bytes(b"xyz" + tag, 3) == len(tag)


def test_an_apev1_tag_shows_only_its_footer():
    assert tag_bytes(ape(b"", header=False)) == 32


@pytest.mark.parametrize("tag", [ID3V1, id3v2(), ape()])
def test_a_partial_tag_header_is_undecided(tag):
    needed = {b"TAG": 3, b"ID3": 10, b"APE": 32}[tag[:3]]
    for size in range(needed):
        assert tag_bytes(tag[:size]) is None


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfb\x90\xc4", b"TAB", b"ID4" + bytes(20), b"APETAGEY" + bytes(40), b"x"],
)
def test_other_bytes_are_not_a_tag(data):
    assert tag_bytes(data) == 0


@pytest.mark.parametrize("at", [3, 4, 6, 9])
def test_id3_with_an_invalid_version_or_length_is_not_a_tag(at):
    tag = bytearray(id3v2())
    tag[at] = 0xFF
    assert tag_bytes(tag) == 0
