"""Hide keys and passwords in everything that comes from outside.

A server may repeat the key that it got: in an error, in a header, in an audio file's tags,
across the chunks of the answer, or escaped for JSON, URLs, HTML or base64. A
`Redactor` is applied to every byte and header of an answer before anything else sees it.
"""

from __future__ import annotations

import base64
import re
from array import array
from typing import TYPE_CHECKING

from voicecli.sanitize import CUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from voicecli.errors import VoiceError

HIDDEN = b"(the key)"
"""Replaces a secret."""

MIN_SECRET_LENGTH = 8
"""Shorter keys are not secrets, and would be found inside ordinary words."""

MAX_TEXT_BYTES = 64 * 1024
"""Upper bound on an error message; what is longer is not one."""

_MIN_CUT = 6
"""A secret that is cut by the end of an answer is hidden if this much of it is there."""

_MAX_SPELLED = 10
"""About the longest spelling of one character."""

_MAX_NESTING = 4
"""How often a spelling may itself be escaped, as by JSON in JSON."""

_SPELLING = re.compile(
    rb"""\\U0{6}([0-9a-f]{2}) | \\u00([0-9a-f]{2}) | \\[ux]\{0*([0-9a-f]{1,2})\}
    | \\x([0-9a-f]{2}) | %([0-9a-f]{2}) | &\#x0*([0-9a-f]{2})(?:;|(?![0-9a-f]))
    | &\#0*([0-9]{2,3})(?:;|(?![0-9])) | &([a-z]{2,8}); | \\([0-3][0-7]{2}) | \\([/\\"'])
    | (?:\x1b\[[0-?]*[ -/]*[@-~] | [\r\n][\ \t]+ | [\x00-\x1f\x7f] | \xe2\x80[\x8b-\x8f\xaa-\xae]
    | \xe2\x81[\xa0-\xaf] | \xef\xbb\xbf | \xc2\xad | \\u(?:200[b-f]|202[a-e]|20[67].|feff|00ad))
    | (?:\\(?:U0{0,6}[0-9a-f]?|[ux]\{?0*[0-9a-f]?|[0-3][0-7]?)?
    | %[0-9a-f]? | &\#?x?[0-9a-f]{0,8})\Z
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A spelled character; without a group, what is invisible or cut off by the end."""

_BASES = {7: 10, 9: 8}
"""Bases of the groups of `_SPELLING` that are numbers; the others have 16."""

_NAME, _QUOTED = 8, 10
"""Its groups that are the name of an HTML character, and the character itself."""

_OPEN = re.compile(rb"(?:\\[ux0-3]?[{0-9a-f]{0,8}|%[0-9a-f]?|&\#?x?[0-9a-z]{0,8})\Z", re.IGNORECASE)
"""A spelled character that the next chunk may complete."""

_HINT = re.compile(
    rb"\\u(?:\{|00)|\\x[2-7{]|\\[01][0-7]{2}|&\#[x0-9]|%[2-7][0-9a-f]", re.IGNORECASE
)
"""Rare in audio, but present in text with spelled characters."""


class Redactor:
    """Replaces secrets by `HIDDEN`, however they are spelled.

    ``secrets`` are the words to hide, those shorter than `MIN_SECRET_LENGTH` excepted.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        needles = {form for secret in secrets for form in _forms(secret)}
        self._needles = sorted(needles, key=lambda needle: (-len(needle), needle))

    def data(self, data: bytes) -> bytes:
        """Return bytes without the secrets."""
        parts, end = [], 0
        for start, stop in self._found(data):
            parts += [data[end:start], HIDDEN]
            end = stop
        return b"".join([*parts, data[end:]]) if parts else data

    def text(self, text: str) -> str:
        """Return a text without the secrets, including one that `clean` has cut off."""
        if CUT in text:
            return CUT.join(map(self.text, text.split(CUT)))
        data = text.encode("utf-8", "surrogatepass")
        hidden = self.data(data)
        return text if hidden is data else hidden.decode("utf-8", "replace")

    def hide_in(self, fault: VoiceError) -> None:
        """Hide the secrets in the message and remedy of a fault, which may quote a server."""
        fault.message = self.text(fault.message)
        fault.remedy = fault.remedy and self.text(fault.remedy)

    def stream(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks of an answer, without the secrets.

        Audio keeps its length, so that its container stays readable; bytes that may be the
        beginning of a secret are held back until the next chunk. An answer in JSON or HTML,
        which is not audio, is yielded in one piece.
        """
        if not self._needles:
            yield from chunks
            return
        held, is_text = b"", True
        try:
            for chunk in chunks:
                held = held + chunk if held else chunk
                is_text = is_text and len(held) < MAX_TEXT_BYTES and _is_markup(held)
                if is_text:
                    continue
                split = len(held) - self._open_length(held)
                data, held = held[:split], held[split:]
                if data:
                    yield self._overwritten(data)
        except Exception:
            if held:
                yield self.data(held)
            raise
        if held:
            yield self.data(held)

    def _overwritten(self, data: bytes) -> bytes:
        found = self._found(data, is_end=False)
        if not found:
            return data
        changed = bytearray(data)
        for start, stop in found:
            changed[start:stop] = HIDDEN[: stop - start].ljust(stop - start)
        return bytes(changed)

    def _found(self, data: bytes, *, is_end: bool = True) -> list[tuple[int, int]]:
        """Return where secrets are, in order; at the end of an answer also one that is cut."""
        if not self._needles:
            return []
        view, origins = data.lower(), None
        spans = self._spans(view, is_end=is_end)
        for _ in range(_MAX_NESTING if is_end or _HINT.search(view) else 0):
            plain, begins = _plain(view)
            if plain == view:
                break
            view, origins = plain, begins if origins is None else [origins[at] for at in begins]
            spans += [(origins[a], origins[b]) for a, b in self._spans(view, is_end=is_end)]
        found: list[tuple[int, int]] = []
        for start, stop in sorted(spans):
            if found and start <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], stop)
            else:
                found.append((start, stop))
        return found

    def _spans(self, view: bytes, *, is_end: bool) -> list[tuple[int, int]]:
        spans = [(at, at + len(n)) for n in self._needles for at in _positions(n, view)]
        cut = self._cut_length(view) if is_end else 0
        return [*spans, (len(view) - cut, len(view))] if cut >= _MIN_CUT else spans

    def _open_length(self, data: bytes) -> int:
        """Return how many of the last bytes may become a secret with the next chunk."""
        view = data[-_MAX_SPELLED * len(self._needles[0]) :].lower()
        cut = self._cut_length(view)
        unfinished = _OPEN.search(view)
        if unfinished or _HINT.search(view):
            plain, origins = _plain(view[: unfinished.start()] if unfinished else view)
            cut = max(cut, len(view) - origins[len(plain) - self._cut_length(plain)])
        return cut

    def _cut_length(self, data: bytes) -> int:
        """Return how many of the last bytes are the beginning of a secret."""
        longest = 0
        for needle in self._needles:
            tail = data[len(data) - len(needle) + 1 :] if len(data) >= len(needle) else data
            start = tail.find(needle[0])
            while start >= 0 and not needle.startswith(tail[start:]):
                start = tail.find(needle[0], start + 1)
            if start >= 0:
                longest = max(longest, len(tail) - start)
        return longest


def _is_text(data: bytes) -> bool:
    """Return whether bytes look like text: no control characters, and mostly UTF-8."""
    sample = data[:256]
    length = len(sample.decode(errors="ignore"))
    return min(sample, default=0) >= ord("\t") and 2 * length > len(sample)


def _is_markup(data: bytes) -> bool:
    """Return whether bytes look like JSON or HTML."""
    return data.lstrip()[:1] in (b"{", b"[", b"<", b"") and (not data.strip() or _is_text(data))


def _plain(data: bytes) -> tuple[bytes, Sequence[int]]:
    """Return data with its spellings decoded, and where each byte of that began."""
    plain, origins, end = bytearray(), array("L"), 0
    for match in _SPELLING.finditer(data):
        plain += data[end : match.start()]
        origins.extend(range(end, match.start()))
        end = match.end()
        if match.lastindex:
            character = _character(match.lastindex, match[match.lastindex])
            plain += character
            origins.extend([match.start()] * len(character))
    plain += data[end:]
    origins.extend(range(end, len(data) + 1))
    return bytes(plain).lower(), origins


def _character(group: int, spelled: bytes) -> bytes:
    """Return the character that a group of `_SPELLING` stands for."""
    if group == _QUOTED:
        return spelled
    if group == _NAME:
        from html.entities import html5  # noqa: PLC0415  rarely needed

        return html5.get(f"{spelled.decode()};", "").encode()
    return bytes([int(spelled, _BASES.get(group, 16)) & 0xFF])


def _positions(needle: bytes, data: bytes) -> Iterator[int]:
    position = data.find(needle)
    while position >= 0:
        yield position
        position = data.find(needle, position + 1)


def _forms(secret: str) -> Iterator[bytes]:
    """Yield the secret in lower case, most of it, and how other encodings write it.

    Of its base64, only the part that does not depend on its position.
    """
    plain = secret.encode("utf-8", "surrogatepass")
    if len(plain) < MIN_SECRET_LENGTH:
        return
    most = max(len(plain) * 4 // 5, MIN_SECRET_LENGTH)
    for part in (plain, plain[:most], plain[-most:]):  # a server may cut a secret short
        yield part.lower()
        yield part.hex().encode()
        for encoding in ("utf-16-le", "utf-16-be", "utf-32-le"):  # as tags of audio have it
            yield part.decode("utf-8", "ignore").encode(encoding).lower()
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + plain)
        # The first characters depend on what precedes, the last ones on what follows.
        inner = encoded[(0, 2, 3)[shift] : len(encoded) - (0, 3, 2)[(shift + len(plain)) % 3]]
        for form in (inner, inner.translate(bytes.maketrans(b"+/", b"-_"))):
            if len(form) >= MIN_SECRET_LENGTH:
                yield form.lower()
