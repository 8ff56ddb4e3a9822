"""Guess the encoding of a text that is not UTF-8; pure.

Each encoding in use, and any other that charset-normalizer finds plausible, is tried. The one
whose letters are the most usual wins (`voicecli.cli.letters`): for a text of a few words
charset-normalizer's own order is no better than chance.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections import Counter
from math import inf
from typing import NamedTuple

from voicecli.cli.fallback_decoder import HIGH_WORD, utf8_word
from voicecli.cli.letters import ALPHABETS, surprise_bits


class _Candidate(NamedTuple):
    encoding: str
    rarity_bits: float  # how rare it is, beside windows-1251
    languages: tuple[str, ...]


_WESTERN = (
    "English", "French", "German", "Spanish", "Portuguese", "Italian", "Dutch", "Swedish", "Danish",
    "Norwegian", "Finnish",
)  # fmt: skip
_CENTRAL = ("Polish", "Czech", "Slovak", "Hungarian", "Romanian", "Croatian", "Slovene")

_CANDIDATES = (
    _Candidate("cp1252", -1, _WESTERN),
    _Candidate("cp1252", 2, ("Icelandic", "Catalan")),
    _Candidate("cp850", 5, _WESTERN),
    _Candidate("cp1250", 0, (*_CENTRAL, "German")),
    _Candidate("iso8859_2", 3, _CENTRAL),
    _Candidate("cp1254", 1, ("Turkish",)),
    _Candidate("cp1257", 2, ("Lithuanian", "Latvian", "Estonian")),
    _Candidate("cp1251", 0, ("Russian", "Ukrainian", "Bulgarian", "Serbian")),
    _Candidate("koi8_r", 2, ("Russian",)),
    _Candidate("koi8_u", 2.5, ("Ukrainian",)),
    _Candidate("cp866", 2, ("Russian", "Ukrainian")),
    _Candidate("cp1253", 1, ("Greek",)),
    _Candidate("cp1255", 1, ("Hebrew",)),
    _Candidate("cp1256", 1, ("Arabic", "Persian")),
    _Candidate("cp874", 0, ("Thai",)),
    _Candidate("gb18030", 0, ("Chinese",)),
    _Candidate("big5", 2, ("traditional Chinese",)),
    _Candidate("cp932", 2, ("Japanese",)),
    _Candidate("euc_jp", 2, ("Japanese",)),
    _Candidate("cp949", 2, ("Korean",)),
)

_PROPOSED_BITS = 6
"""Rarity of any other encoding."""

_ALL_BYTES = bytes(range(256))

_EVIDENCE_BYTES, _BEFORE_BYTES = 500, 60
"""Bytes that decide between encodings, and how many of them precede the first beyond ASCII."""

_MIN_WORD_BYTES, _MAX_BITS_A_BYTE = 3, 6.7
"""Bytes between words of UTF-8 are junk if they are fewer, or more surprising as a text."""

_MAX_CONTROLS = 0.02
"""Share of control characters beyond which data is not text."""

_NUL_SHARE = 0.7
"""Share of NULs at their place in UTF-16 or UTF-32: texts of the first 256 characters."""

_USUAL = re.compile(
    "[\t\n\r -~\xa0-\u06ff\u0900-\u0e7f\u10a0-\u10ff\u1e00-\u1eff\u2010-\u2044\u20a0-\u20bf"
    "\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]"
)
"""Characters of the scripts in use; half of all pairs of bytes are one."""

_MIN_USUAL = 0.98
_MIN_OF_ONE_SCRIPT = 0.6
_EAST_ASIAN_FROM = "\u2e80"
_MIN_EAST_ASIAN = 4
"""Fewer characters of so large a script may be any bytes."""

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")

_CUT_CHARACTER = re.compile(
    rb"(?:[a-z][\xc2-\xde]|[0-9 ]\xc2|(?<![A-Za-z])[\xe2\xf0]"
    rb"|[\xe1-\xef][\x80-\x84\x86-\x90\x98]|\xf0\x9f.?)\Z",
    re.DOTALL,
)
"""The beginning of a UTF-8 character, where a word in another encoding would hardly end.

A capital behind a small letter; â or ð alone; é and its like before what is neither a
letter, a quotation mark, a dash nor a symbol in the encodings of Windows; half an emoji.
"""


def encoding_by_nuls(data: bytes) -> str | None:
    """Return UTF-16 or UTF-32 if the NULs in ``data`` are where theirs are, else None."""
    for encoding, width, zeros in (
        ("utf-32-le", 4, (1, 2, 3)), ("utf-32-be", 4, (0, 1, 2)),
        ("utf-16-le", 2, (1,)), ("utf-16-be", 2, (0,)),
    ):  # fmt: skip
        planes = [data[place::width] for place in range(width)]
        if len(data) < 2 * width or any(not plane for plane in planes):
            continue
        shares = [plane.count(0) / len(plane) for plane in planes]
        full = [share for place, share in enumerate(shares) if place not in zeros]
        if min(shares[place] for place in zeros) >= _NUL_SHARE and not any(full):
            return encoding
    return None


def utf16_by_letters(data: bytes) -> str | None:
    """Return the byte order of UTF-16 in which ``data`` is text of one script, else None.

    The other order turns its letters into rare characters of many scripts.
    """
    even = data[: len(data) // 2 * 2]
    orders = "utf-16-le", "utf-16-be"
    found = [order for order in orders if _is_text(even.decode(order, "replace"))]
    return found[0] if len(found) == 1 else None


def _is_text(text: str) -> bool:
    """Whether nearly all characters are usual ones, and most letters of one script."""
    letters = [character for character in text if character.isalpha()]
    east_asian = sum(letter >= _EAST_ASIAN_FROM for letter in letters)
    rows = Counter(ord(letter) >> 8 for letter in letters if letter < _EAST_ASIAN_FROM)
    most = max(*rows.values(), east_asian if east_asian >= _MIN_EAST_ASIAN else 0, 0)
    return (
        2 * len(letters) >= len(text) > 1
        and most >= _MIN_OF_ONE_SCRIPT * len(letters)
        and len(_USUAL.findall(text)) >= _MIN_USUAL * len(text)
    )


def guess_encoding(data: bytes) -> str | None:
    """Return the encoding of ``data``, which is not UTF-8; None if it is not text."""
    if b"\0" in data:
        rest = data.replace(b"\0", b"")
        is_ascii = rest.isascii() and not _CONTROL.search(rest)
        return encoding_by_nuls(data) or (None if is_ascii else utf16_by_letters(data))
    if not data or len(_CONTROL.findall(data)) > _MAX_CONTROLS * len(data):
        return utf16_by_letters(data)
    return _least_surprising(_evidence(data))[0]


def languages_of(encoding: str) -> tuple[str, ...]:
    """Return the languages that an encoding was made for; any if it is none in common use."""
    found = (each.languages for each in _CANDIDATES if each.encoding == encoding)
    return tuple(itertools.chain(*found)) or tuple(ALPHABETS)


def second_encoding(data: bytes) -> str | None:
    """Return the encoding of those words in ``data``, mostly UTF-8, that are not; None for junk."""
    words = [
        word for word in HIGH_WORD.findall(data)
        if utf8_word(word) is None and len(word) >= _MIN_WORD_BYTES
    ]  # fmt: skip
    if not words:
        return None
    evidence = b" ".join(words)[:_EVIDENCE_BYTES]
    encoding, bits = _least_surprising(evidence)
    return encoding if bits <= _MAX_BITS_A_BYTE * len(evidence) else None


def is_extended_ascii(encoding: str) -> bool:
    """Whether each byte is one character, and the first 128 are ASCII."""
    text = _ALL_BYTES.decode(encoding, "replace")
    return len(text) == len(_ALL_BYTES) and text[:128] == _ALL_BYTES[:128].decode()


def display_name(encoding: str) -> str:
    """Return the usual name of a Python encoding: windows-1252 for cp1252."""
    return re.sub(r"^cp(?=125\d$)", "windows-", encoding).replace("_", "-").upper()


def _least_surprising(evidence: bytes) -> tuple[str, float]:
    """Return the encoding in which ``evidence`` is the most usual text, and how usual."""
    best, least_bits = "", inf
    for encoding, rarity_bits, languages in (*_CANDIDATES, *_proposals(evidence)):
        text = evidence.decode(encoding, "replace")
        bits = rarity_bits + min(surprise_bits(text, language) for language in languages)
        if bits < least_bits:
            best, least_bits = encoding, bits
    return best, least_bits


def _evidence(data: bytes) -> bytes:
    """Return a text without its words of UTF-8; of a long one, words with bytes beyond ASCII.

    A little of what precedes them shows whether most of the text is in Latin letters.
    """
    data = HIGH_WORD.sub(lambda word: b"" if utf8_word(word[0]) else word[0], data)
    first = HIGH_WORD.search(data)
    if len(data) <= _EVIDENCE_BYTES or first is None:
        return data[:_EVIDENCE_BYTES]
    before = data[max(0, first.start() - _BEFORE_BYTES) : first.start()]
    return (before + b" ".join(HIGH_WORD.findall(data)))[:_EVIDENCE_BYTES]


def _proposals(data: bytes) -> list[_Candidate]:
    """Return other encodings, of one byte a character, that make sense of ``data``."""
    from charset_normalizer import from_bytes  # noqa: PLC0415  only for text that is not UTF-8

    found = {match.encoding for match in from_bytes(data)}
    found -= {candidate.encoding for candidate in _CANDIDATES}
    return [
        _Candidate(encoding, _PROPOSED_BITS, tuple(ALPHABETS))
        for encoding in sorted(found)
        if is_extended_ascii(encoding)
    ]


def is_cut_utf8(data: bytes, *, has_utf8: bool = False) -> bool:
    """Whether ``data`` is UTF-8 up to a last character that is cut.

    A lone byte there may be the last letter of a text in another encoding, so other
    characters of UTF-8 (``has_utf8``: there were some before) or an unlikely letter must
    speak for it.
    """
    try:
        text, size_bytes = codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        return False
    if size_bytes == len(data):
        return False
    return has_utf8 or not text.isascii() or _CUT_CHARACTER.search(data) is not None


def is_damaged_utf8(data: bytes) -> bool:
    """Whether ``data`` is UTF-8 in which some bytes are wrong.

    In other encodings, few letters beyond ASCII form valid UTF-8 by chance.
    """
    text = data.decode("utf-8", "surrogateescape")
    beyond = [character for character in text if not character.isascii()]
    invalid = sum("\udc80" <= each <= "\udcff" for each in beyond)
    return 0 < 2 * invalid <= len(beyond) - invalid


def begin_of_other(data: bytes) -> int:
    """Return where the first word begins that is not UTF-8; 0 if there is none."""
    words = HIGH_WORD.finditer(data)
    return next((word.start() for word in words if utf8_word(word[0]) is None), 0)


def has_utf8_words(data: bytes) -> bool:
    """Whether some words of ``data`` with bytes beyond ASCII are UTF-8."""
    return any(utf8_word(word) is not None for word in HIGH_WORD.findall(data))
