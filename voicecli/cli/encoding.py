"""Guess the encoding of a text that is not UTF-8; pure.

charset-normalizer says which encodings make sense of the bytes. For short texts that is a
long list in no good order, so a few facts about scripts decide between its entries.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LATIN = ("cp1252", "cp1250", "cp1254")
_OTHER = ("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874")
_EAST_ASIAN = ("cp932", "euc_jp", "gb18030", "big5", "cp949")
_JAPANESE = ("cp932", "euc_jp")

_MAX_CONTROLS = 0.02
"""Share of control characters beyond which data is not text."""

_MIN_LETTERS = 10
_MIN_HIGH = 6
_SYMBOL = 3
"""A word of fewer bytes, none of them ASCII, may be a symbol such as € or °."""

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
_HIGH_WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
_HIGH = re.compile(rb"[\x80-\xff]")
_ASCII_LETTER = re.compile(rb"[A-Za-z]")
_KANA = re.compile("[\u3040-\u30ff]")
_NARROW_KATAKANA = re.compile("[\uff61-\uff9f]")
_TURKISH = re.compile("[þðýÞÝÐ]")
"""Letters of windows-1252 where windows-1254 and -1250 have ş ğ ı and ţ đ ý."""

_ICELANDIC = re.compile("[áéíóæ]")
_SYMBOL_IN_WORD = re.compile(r"[^\W\d][³¹¿¼¾£¥¢¦ª¯´¸][^\W\d]|\b[³¹¿¼¾£¥¢¦¯]?[a-z]+[³¹¼¾£¥¦¯]\b")
"""Symbols of windows-1252 where windows-1250 has ł ą ż ľ ź Ł Ľ and others."""

_LATIN_2 = re.compile(r"[^\W\d][±¶]|[±¶][^\W\d]")
"""Symbols of windows-1252 where ISO 8859-2 has ą and ś."""


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
        return encoding_by_nuls(data) or utf16_by_letters(data)
    if not data or len(_CONTROL.findall(data)) > _MAX_CONTROLS * len(data):
        return utf16_by_letters(data)
    likely = _plausible(data)
    if found := _east_asian(data, likely):
        return found
    if _is_latin(data):
        return _latin(data, likely)
    if "cp1255" in likely and _may_be_hebrew(data):
        return "cp1255"
    return next((name for name in likely if name in _OTHER), _OTHER[0])


def display_name(encoding: str) -> str:
    """Return the usual name of a Python encoding: windows-1252 for cp1252."""
    return re.sub(r"^cp(?=125\d$)", "windows-", encoding).replace("_", "-").upper()


def _plausible(data: bytes) -> list[str]:
    """Return the encodings that charset-normalizer finds plausible, best first."""
    from charset_normalizer import from_bytes  # noqa: PLC0415  only for text that is not UTF-8

    found = from_bytes(data, cp_isolation=[*_LATIN, *_OTHER, *_EAST_ASIAN])
    return [match.encoding for match in found]


def _east_asian(data: bytes, likely: Sequence[str]) -> str | None:
    """Return the East Asian encoding of ``data``, if most of it is in one."""
    high, ascii_letters = len(_HIGH.findall(data)), len(_ASCII_LETTER.findall(data))
    if high < _MIN_HIGH or high < ascii_letters:
        return None
    texts = {name: data.decode(name, "ignore") for name in likely if name in _EAST_ASIAN}
    for name, text in texts.items():
        if name in _JAPANESE and len(_KANA.findall(text)) > len(text) / 5:
            return name
    first = next(iter(likely), "")
    is_katakana = len(_NARROW_KATAKANA.findall(texts.get(first, ""))) > high / 5
    return first if first in texts and not is_katakana else None


def _is_latin(data: bytes) -> bool:
    """Whether words with bytes beyond ASCII have ASCII letters too, as in "café"."""
    words = _HIGH_WORD.findall(data)
    if not _ASCII_LETTER.search(data):
        return False
    others = sum(len(word) >= _SYMBOL and not _ASCII_LETTER.search(word) for word in words)
    return others <= len(words) / 2


def _latin(data: bytes, likely: Sequence[str]) -> str:
    """Return the encoding of a text in Latin letters: windows-1252 unless much speaks against it.

    Of what charset-normalizer finds plausible, the first is as often another.
    """
    text = data.decode("cp1252", "replace")
    if _TURKISH.search(text) and not _ICELANDIC.search(text):
        return "cp1250" if "ã" in text else "cp1254"  # Romanian
    if _LATIN_2.search(text):
        return "iso8859_2"
    if "\ufffd" in text or _SYMBOL_IN_WORD.search(text):
        return "cp1250"
    first = next((name for name in likely if name in _LATIN), "cp1252")
    is_same = data.decode(first, "replace") == text
    return "cp1252" if is_same or "cp1252" in likely else first


def _may_be_hebrew(data: bytes) -> bool:
    """Whether no byte is outside of windows-1255's letters: Russian has capitals, ы and я."""
    letters = [byte for byte in data if byte >= 0xC0]  # noqa: PLR2004  letters of code pages
    return len(letters) >= _MIN_LETTERS and all(0xE0 <= byte <= 0xFA for byte in letters)  # noqa: PLR2004


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

    In other encodings, letters beyond ASCII hardly ever form valid UTF-8.
    """
    text = data.decode("utf-8", "surrogateescape")
    beyond = [character for character in text if not character.isascii()]
    invalid = sum("\udc80" <= character <= "\udcff" for character in beyond)
    return 0 < invalid <= len(beyond) - invalid
