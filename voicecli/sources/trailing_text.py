"""Text behind sound: a server that fails after its first sound can only append it.

An error in JSON, in an event, as a page or in plain words would be played as a click
behind raw samples, and be skipped as rubbish behind other formats. Its end would look like
the end of the speech.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from voicecli.errors import BadResponse, CorruptStream, VoiceError
from voicecli.sources.http_errors import server_message
from voicecli.sources.metadata import MetadataScanner
from voicecli.sources.remedies import TRY_AGAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIN_SAMPLES_BYTES = 4
"""Less than this before a text is white space or a byte order mark."""

_HEAD_BYTES = 64
"""A file that begins with so many characters is a text as a whole."""

_MAX_MESSAGE_BYTES = 4096

_ERROR_KEYS = rb"errors?|details?"
_KEYS = _ERROR_KEYS + (
    rb"|error_code|error_message|message|msg|code|status|status_code|success|type|title|reason"
)
_JSON = rb"\{\s{0,8}[\"'](?:%b)[\"'] ?:\s{0,2}[\"'\[{0-9tfnTFN]"
_FIELDS = rb"(?:event: ?\w{1,32}\s{1,2})?(?:data: ?)?"
_HTML = rb"<!doctype html|<html[ -;=?-~]{0,64}>\s{0,8}<(?:head|body|title)"
_TRACEBACK = rb"traceback \(most recent call last\):"
_OTHER = rb"<\?xml version=|event: ?error\s"
_TEXT = re.compile(b"|".join((_FIELDS + _JSON % _KEYS, _HTML, _TRACEBACK, _OTHER)), re.IGNORECASE)
"""How such a text begins. It fixes 55 bits or more, which samples match once in 10⁸ hours."""

_WORD = rb"(?:[A-Z]?[a-z]+|[A-Z]{2,}|[0-9]{3})"
_SENTENCE = re.compile(rb"%b(?:[,:;.]? %b){2,}" % (_WORD, _WORD))
_MIN_SENTENCE_BYTES = 18
_OTHER_LETTERS = re.compile(
    rb"(?:(?:[\xe3-\xed][\x80-\xbf]{2}|[\xd0\xd1][\x80-\xbf])"
    rb"(?:[ ,.:!?]|\xef\xbc[\x80-\xbf]){0,2}){8}"
)
"""Eight letters of Chinese, Japanese, Korean or Cyrillic in UTF-8: 68 bits are fixed."""

_FAULT = re.compile(
    rb"\b(?:error|exception|fail(?:ed|ure)|timeout|timed out|unavailable|bad gateway|exceeded"
    rb"|overloaded|out of memory|too many requests|forbidden|unauthorized"
    rb"|(?-i:[A-Z]\w{1,40}(?:Error|Exception)))\b",
    re.IGNORECASE,
)
"""What an error in plain words contains, or the name of one in a program. Only these words count
behind a container, whose tags may hold any sentence."""

_REPEATED = re.compile(rb"(?:(.)\1{3,})?", re.DOTALL)
"""The last frame of an MP3 is often padded with letters: 0x55 is a U."""

_CONTAINERS = (b"RIFF", b"ID3", b"fLaC", b"OggS")
_ERROR = re.compile(_FIELDS + _JSON % _ERROR_KEYS + b"|" + _TRACEBACK, re.IGNORECASE)
_ERROR_OR_PAGE = re.compile(_ERROR.pattern + b"|" + _HTML, re.IGNORECASE)
"""What counts if the sound is not raw: its tags may hold other JSON and XML, those of a file
also HTML."""

_HINTS = (b'":', b"':", b'" :', b"' :", b"<!", b"<?", b"<h", b"<H", b"vent:", b"raceback ")
_WIDE_KEYS = b"|".join(key.encode("utf-16-le") for key in ("error", "errors", "detail"))
_WIDE_ERROR = re.compile(
    rb"(?:\xff\xfe|(?:\xfe\xff)?\0)?(?:\{\0(?:\s\0){0,8}[\"']\0(?:%b)[\"']\0(?: \0)?:\0|%b)"
    % (_WIDE_KEYS, "<!doctype html".encode("utf-16-le")),
    re.IGNORECASE,
)
"""An error or a page in UTF-16, of either byte order, which fixes 128 bits or more."""

_WIDE_HINTS = (b'"\0:\0', b"'\0:\0", b"\0 \0:\0", b"<\0!\0")
_MAX_WIDE_BYTES = 128
_WIDE_START = re.compile(
    rb"(?:\xff\xfe|(?:\xfe\xff)?\0)?[{<]\0(?:[\t\n\r -~]\0){0,60}[\t\n\r -~]?\Z"
)
_MAX_HELD_BYTES = 512
"""Bytes that could be text are held back until more is known, at most this many."""

_OBJECT = re.compile(rb"\{\s{0,8}[\"']\w{1,32}[\"'] ?:")
_TEXT_OR_OBJECT = re.compile(_TEXT.pattern + b"|" + _OBJECT.pattern, re.IGNORECASE)
"""How JSON begins, whatever its first key: too little to go by, except at the very end."""

_OPENING = re.compile(rb"(?:id|retry|event): ?[^\r\n]{0,64}[\r\n]|" + _OBJECT.pattern)
_EVENT_FIELDS = re.compile(
    rb"^(?:(?:id|retry|event): ?[^\r\n]{0,64}\s+){0,3}(?:data: ?)?", re.IGNORECASE
)
_NO_CHARACTER = re.compile("[^\t-\r -~\x80-\ud7ff\ue000-\U0010ffff]")
_CUT_CHARACTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")
_TEXT_BYTES = bytes([*range(0x20, 0x7F), *b"\t\n\v\f\r"])


def audio_before_text(
    chunks: Iterator[bytes], *, is_raw: bool = True, is_file: bool = False, is_text: bool = False
) -> Iterator[bytes]:
    """Yield sound, in pieces that may be empty, up to a text behind it.

    ``is_raw`` says that raw samples were requested, ``is_text`` that the label is that of a
    text. A text at the very beginning is yielded: the decoder reports answers in text. So is
    all of a file, or under such a label, if only characters precede the text. Plain words at
    the end of a file are more likely a title than an error.

    Raises:
        BadResponse: with the server's message.
        CorruptStream: the same in a file (``is_file``).
    """
    held, head, yielded = b"", b"", 0
    has_tags = not is_raw
    may_be_text = is_file or is_text
    metadata = MetadataScanner()
    faults: list[VoiceError] = []
    for chunk in _up_to_fault(chunks, faults):
        data = held + chunk
        head += chunk[: _HEAD_BYTES - len(head)]
        has_tags = not is_raw or head.startswith(_CONTAINERS)
        pattern = (_ERROR if is_file else _ERROR_OR_PAGE) if has_tags else _TEXT
        text_at = _text_at(data, pattern, metadata)
        sound_bytes = yielded + (text_at or 0)
        is_whole = may_be_text and _is_text(head[:sound_bytes])
        if text_at is not None and (sound_bytes < _MIN_SAMPLES_BYTES or is_whole):
            yield data
            yield from chunks
            return
        if text_at is not None:
            text_at = text_at if has_tags else _beginning(data, text_at)
            yield data[:text_at]
            raise _fault(_message(data[text_at:], _up_to_fault(chunks, faults)), is_file=is_file)
        split = _start_of_text(data)
        held, data = data[split:], data[:split]
        yielded += len(data)
        metadata.pass_by(data)
        yield data
    text = _last_words(held, metadata) if has_tags else held
    is_whole = is_file or (may_be_text and _is_text(head))
    if not is_whole and yielded >= _MIN_SAMPLES_BYTES and _is_message(text, has_tags=has_tags):
        yield held.removesuffix(text)
        raise _fault(_message(text, iter(())), is_file=False)
    yield held
    if faults:
        raise faults[0]


def _up_to_fault(chunks: Iterator[bytes], faults: list[VoiceError]) -> Iterator[bytes]:
    """Yield what there is; append what ends it too early, so that nothing held is lost."""
    try:
        yield from chunks
    except VoiceError as fault:
        faults.append(fault)


def _is_text(head: bytes) -> bool:
    return not head.translate(None, _TEXT_BYTES)


def _text_at(data: bytes, pattern: re.Pattern[bytes], metadata: MetadataScanner) -> int | None:
    """Return where a text begins, in UTF-8 or UTF-16; None if there is none."""
    at = None
    # Looking for hints is much faster than the patterns, which few chunks of samples need.
    if any(hint in data for hint in _HINTS):
        at = _find(pattern, data, metadata)
    if at is None and any(hint in data for hint in _WIDE_HINTS):
        at = _find(_WIDE_ERROR, data, metadata)
    return at


def _find(pattern: re.Pattern[bytes], data: bytes, metadata: MetadataScanner) -> int | None:
    """Return where a text begins that is not in metadata; None if there is none."""
    units = metadata.units(data, final=False)
    at, end = 0, 0
    unit: tuple[int, int] | None = (0, 0)  # the units are looked for once something matches
    while match := pattern.search(data, at):
        while unit is not None and unit[0] <= match.start():
            end, unit = unit[1], next(units, None)
        if end <= match.start():
            return match.start()
        at = end
    return None


def _beginning(data: bytes, at: int) -> int:
    """Return where the object or the event begins that the text at ``at`` is in."""
    match = _OPENING.search(data, _start_of_text(data[: at + 1]), at)
    return match.start() if match else at


def _last_words(data: bytes, metadata: MetadataScanner) -> bytes:
    """Return what is behind metadata, and behind the letters that end a frame if they show."""
    end = max((end for _, end in metadata.units(data, final=True)), default=0)
    words = data[max(0, end) :]
    start = _TEXT_OR_OBJECT.search(words)
    if start is not None:
        return words[start.start() :]
    padding = _REPEATED.match(words)
    return words[padding.end() :] if padding else words


def _is_message(text: bytes, *, has_tags: bool) -> bool:
    """Tell whether the characters at the very end are a message."""
    if _FAULT.search(text) or _is_object(text):
        return True
    return not has_tags and _has_sentence(text)


def _is_object(text: bytes) -> bool:
    """Tell whether JSON, with any keys, begins in a text and lasts to its end."""
    start = _OBJECT.search(text)
    if start is None:
        return False
    try:
        json.loads(text[start.start() :].rstrip(b"\0 \r\n"))
    except (ValueError, RecursionError):
        return False
    return True


def _has_sentence(data: bytes) -> bool:
    """Tell whether words follow each other, which samples do not match by chance."""
    if _OTHER_LETTERS.search(data):
        return True
    return any(len(found[0]) >= _MIN_SENTENCE_BYTES for found in _SENTENCE.finditer(data))


def _start_of_text(data: bytes) -> int:
    """Return where the last bytes begin that are characters of a text, else the end."""
    tail = data[-_MAX_HELD_BYTES:]
    cut = _CUT_CHARACTER.search(tail)
    text = tail[: cut.start() if cut else None].decode("utf-8", "surrogateescape")
    others = max((match.end() for match in _NO_CHARACTER.finditer(text)), default=0)
    start = len(data) - len(tail) + len(text[:others].encode("utf-8", "surrogateescape"))
    wide = _WIDE_START.search(data, max(0, len(data) - _MAX_WIDE_BYTES))
    return min(start, wide.start()) if wide else start


def _message(text: bytes, chunks: Iterator[bytes]) -> str:
    """Return the message in a text, after reading more of it; empty if there is none."""
    for more in chunks:
        text += more
        if len(text) > _MAX_MESSAGE_BYTES:
            break
    return server_message(_EVENT_FIELDS.sub(b"", text))


def _fault(message: str, *, is_file: bool) -> BadResponse | CorruptStream:
    if is_file:
        shown = f": {message}" if message else ""
        return CorruptStream(f"text follows the sound{shown}", remedy="get the file again")
    if not message:
        return BadResponse(
            "the server sent a page of text instead of the rest of the speech", remedy=TRY_AGAIN
        )
    return BadResponse(f"the server reports: {message}", remedy=TRY_AGAIN)
