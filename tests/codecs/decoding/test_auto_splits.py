"""However a stream is cut into pieces, the same samples and the same fault come out."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.containers import wav
from tests.codecs.decoding.test_following import ID3
from tests.codecs.feeding import decode_until_fault, in_pieces
from tests.codecs.samples import encoded
from tests.codecs.signals import noise, tone
from voicecli.codecs import CODECS
from voicecli.codecs.decoding.auto import AutoDecoder

LABELS = (None, "audio/pcm", "audio/mpeg", "audio/L16;rate=8000", "application/json", "audio/flac")
ERROR = b'{"error": {"message": "quota"}}'


def files():
    """Short files in every format, whole and cut at the end or the beginning."""
    whole = [encoded(name, 1_500) for name in ("opus", "mp3", "aac", "flac")]
    whole += [wav(tone(300)), wav(tone(300), size=0), noise(300).tobytes()]
    return [cut for file in whole for cut in (file, file[: len(file) // 2], file[200:])]


def between():
    """What may stand before, between and behind files."""
    tags = [ID3, b"TAG" + bytes(125), b"x" + b"TAG" + bytes(125), b"ID3\4\0\0", b"APETAGEX"]
    signs = [
        b"fLaC",
        b"OggS\0\2",
        b"RIFF",
        b"\xff\xfb\x90\x64",
        b"\xff\xfe\0\0",
        b"LIST\4\0\0\0abcd",
    ]
    return [*tags, *signs, bytes(40), b"\r\n", b"\xef\xbb\xbf", b"x" * 90, ERROR, b"<html>"]


@given(
    parts=st.lists(st.one_of(st.sampled_from(files()), st.sampled_from(between())), max_size=5),
    junk=st.binary(max_size=30),
    claim=st.tuples(st.sampled_from((None, *CODECS)), st.sampled_from(LABELS)),
    is_file=st.booleans(),
    size=st.integers(1, 400),
)
@settings(max_examples=150, deadline=None)
def test_no_split_changes_what_comes_out(parts, junk, claim, is_file, size):
    data = b"".join([*parts[:2], junk, *parts[2:]])
    whole, *others = (
        decode_until_fault(AutoDecoder(*claim, is_file=is_file), pieces)
        for pieces in ([data], in_pieces(size, data), in_pieces(1, data))
    )
    for blocks, fault in others:
        assert (type(fault), str(fault)) == (type(whole[1]), str(whole[1]))
        assert kinds(blocks) == kinds(whole[0])
        assert sound(blocks) == sound(whole[0])


def kinds(blocks):
    """The rates, channels and types of samples in the order in which they change."""
    found = [(block.rate_hz, block.channels, block.samples.dtype) for block in blocks]
    return [kind for kind, _ in itertools.groupby(found)]


def sound(blocks):
    return b"".join(np.ascontiguousarray(block.samples).tobytes() for block in blocks)
