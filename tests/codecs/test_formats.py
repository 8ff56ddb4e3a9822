"""The table of formats."""

from __future__ import annotations

import pytest

from voicecli.codecs.formats import CODECS, codec_for_media_type, codec_for_suffix


def test_there_are_six_formats():
    assert list(CODECS) == ["pcm", "wav", "opus", "mp3", "aac", "flac"]


def test_no_media_type_or_suffix_names_two_formats():
    for codec in CODECS.values():
        assert {codec_for_media_type(name) for name in codec.media_types} == {codec.name}
        assert {codec_for_suffix(f"x{suffix}") for suffix in codec.suffixes} == {codec.name}
        assert codec.media_type in codec.media_types


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.WAV", "wav"),
        ("x.tar.mp3", "mp3"),
        ("x.ogg", "opus"),
        ("x.opus", "opus"),
        (".flac.d/x.flac", "flac"),
        ("x.m4a", None),
        ("wav", None),
        ("-", None),
    ],
)
def test_a_suffix_suggests_a_format(path, name):
    assert codec_for_suffix(path) == name


def test_other_media_types_name_no_format():
    assert codec_for_media_type("audio/midi") is None
