"""MPEG frames and tags: cut from streams, and made by hand."""

from __future__ import annotations


def id3v2(payload=b"\0" * 40, *, flags=0):
    """An ID3v2.4 tag around ``payload``."""
    length = len(payload)
    sizes = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
    footer = b"3DI\4\0" + bytes([flags]) + sizes if flags & 0x10 else b""
    return b"ID3\4\0" + bytes([flags]) + sizes + payload + footer


def id3_bytes(data):
    """Return the size of the ID3v2 tag at the start of ``data``."""
    if data[:3] != b"ID3":
        return 0
    return 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])


ID3V1 = b"TAG" + b"\0" * 125


def ape(items=b"\xff\xfb" * 30, *, header=True):
    """An APEv2 tag, or the APEv1 kind without header, whose items look like frames."""
    length = (len(items) + 32).to_bytes(4, "little")

    def block(flags):
        return b"APETAGEX" + b"\xd0\7\0\0" + length + b"\1\0\0\0" + flags + bytes(8)

    return (block(b"\0\0\0\xa0") if header else b"") + items + block(b"\0\0\0\x80")


def mp3_frames(data):
    """The MP3 frames of a file, its tags left out."""
    from voicecli.codecs.decoding.mpeg import mp3_header

    at, frames = id3_bytes(data), []
    while at < len(data):
        size = mp3_header(data, at).frame_bytes
        frames.append(data[at : at + size])
        at += size
    return frames


def adts_frames(data):
    """The ADTS frames of a stream."""
    from voicecli.codecs.decoding.mpeg import adts_header

    at, frames = 0, []
    while at < len(data):
        size = adts_header(data, at).frame_bytes
        frames.append(data[at : at + size])
        at += size
    return frames


def silent_mp3_frame(head=b"\xff\xfb\x90\xc4"):
    """A Layer III frame of zeros after ``head``: no bits for any granule, hence silence."""
    from voicecli.codecs.decoding.mpeg import mp3_header

    return head + bytes(mp3_header(head).frame_bytes - 4)


def with_info_tag(frame, at, *, mp3_frames=None, lame=None, magic=b"Xing", toc=True):
    """``frame`` with an info tag at ``at``; ``lame`` is (writer, delay, padding)."""
    flags = (mp3_frames is not None) | (4 if toc else 0)
    tag = magic + flags.to_bytes(4, "big")
    if mp3_frames is not None:
        tag += mp3_frames.to_bytes(4, "big")
    tag += bytes(100 if toc else 0)
    if lame is not None:
        writer, delay, padding = lame
        tag += writer.ljust(21, b"\0") + (delay << 12 | padding).to_bytes(3, "big")
    return frame[:at] + tag + frame[at + len(tag) :]
