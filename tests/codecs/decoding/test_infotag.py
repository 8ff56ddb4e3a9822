from __future__ import annotations

import pytest

from tests.codecs.mpeg_frames import silent_mp3_frame, with_info_tag
from voicecli.codecs.decoding.infotag import InfoTag, info_tag
from voicecli.codecs.decoding.mpeg import mp3_header
from voicecli.codecs.decoding.mpegsync import Frame


def tag_of(frame):
    return info_tag(Frame(mp3_header(frame), frame, after_tag=True))


@pytest.mark.parametrize("crc", [False, True])
@pytest.mark.parametrize(
    ("head", "at"),
    [
        (b"\xff\xfb\x90\xc4", 21),  # MPEG-1 mono
        (b"\xff\xfb\x90\x04", 36),  # MPEG-1 stereo
        (b"\xff\xf3\xc4\xc4", 13),  # MPEG-2 mono
        (b"\xff\xf3\xc4\x04", 21),  # MPEG-2 stereo
        (b"\xff\xe3\xc8\xc4", 13),  # MPEG-2.5 mono
    ],
)
def test_the_tag_is_found_behind_the_side_information(head, at, crc):
    if crc:
        head = bytes([head[0], head[1] & 0xFE, *head[2:]])
    frame = silent_mp3_frame(head)
    lame = (b"LAME3.100", 576, 1000)
    expected = InfoTag(42, 576, 1000)
    assert tag_of(frame) is None
    assert tag_of(with_info_tag(frame, at, mp3_frames=42, lame=lame)) == expected
    assert tag_of(with_info_tag(frame, at, mp3_frames=42, lame=lame, magic=b"Info")) == expected
    counted_crc = tag_of(with_info_tag(frame, at + 2, mp3_frames=42, lame=lame))
    assert counted_crc == (expected if crc else None)


def test_fields_of_the_tag_are_optional():
    frame = silent_mp3_frame()
    assert tag_of(with_info_tag(frame, 21)) == InfoTag(None)
    assert tag_of(with_info_tag(frame, 21, mp3_frames=0)) == InfoTag(None)
    assert tag_of(with_info_tag(frame, 21, mp3_frames=9, toc=False)) == InfoTag(9)
    assert tag_of(with_info_tag(frame, 21, lame=(b"Lavf", 5, 7))) == InfoTag(None, 5, 7)
    assert tag_of(with_info_tag(frame, 21, mp3_frames=9, lame=(b"FhG", 5, 7))) == InfoTag(9)
    small = silent_mp3_frame(b"\xff\xf3\x24\xc4")  # 48 bytes: no room for a delay
    assert tag_of(with_info_tag(small, 13, mp3_frames=9, toc=False)[: len(small)]) == InfoTag(9)


def test_a_vbri_tag_states_the_number_of_frames():
    frame = silent_mp3_frame(b"\xff\xfb\x90\x04")
    vbri = frame[:36] + b"VBRI" + bytes(10) + (5).to_bytes(4, "big") + frame[54:]
    assert tag_of(vbri) == InfoTag(5)
