r"""Pronunciation lexicon: replace words before they are spoken.

The table as TOML::

    [lexicon]
    kubectl = "cube control"          # a word or phrase; lower case matches any case
    US = "U S"                        # with capitals, the case must match
    '/(\d+) km\/h/' = '\1 kilometres an hour'   # a regular expression

    [lexicon.de]                      # German only; overrides the entries above
    "z. B." = "zum Beispiel"

A replacement keeps the span of the text it replaces. Text may arrive in any pieces. Words
and phrases are replaced as soon as they are complete, in scripts without spaces also within
what surrounds them. A regular expression sees complete words only: one word, or four if the
expression can match white space. One that takes too long to match is no longer used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from voicecli.errors import ConfigError
from voicecli.text.fragment import Fragment, SourceMap
from voicecli.text.patterns import lazy_pattern
from voicecli.text.segment import NO_SPACE_SCRIPTS, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_ENTRIES = 5000
_MAX_KEY = 500
_WORDS_SEEN = 4
"""Number of words visible to a regular expression that can match white space."""

_MAX_WORD = 64
"""Longer words are matched in pieces of this many characters."""

_MATCH_S = 0.02
"""Processor time that one match of a regular expression may take, in seconds."""

_UNSPACED = NO_SPACE_SCRIPTS + "\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff"
"""Characters of scripts without spaces between words: also Thai, Lao, Tibetan, Burmese, Khmer."""

_IS_UNSPACED = lazy_pattern(f"[{_UNSPACED}]")
_APOSTROPHES = str.maketrans("’", "'")

_LANGUAGE = lazy_pattern(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", re.IGNORECASE)
_WORD = lazy_pattern(rf"\s*\S{{1,{_MAX_WORD}}}")
_MATCHES_SPACE = lazy_pattern(r" |\\[sWDn]|(?<!\\)\.|\[\^")


class _Entry(NamedTuple):
    """A pattern and its replacement."""

    key: str  # a word or phrase in lower case, or a regular expression
    pattern: Any  # compiled by re, or a regular expression by regex, which can time out
    template: str
    words: int = 0  # visible to a regular expression; 0 for a word or phrase

    @property
    def is_pattern(self) -> bool:
        return self.words > 0


class Lexicon:
    """The lexicon for one language; the module docstring describes the table.

    Args:
        table: replacements by word, phrase or ``/regular expression/``; nested tables
            apply to the language code that is their key.
        language: code of the text's language; None ignores the nested tables.
        notify: gets a warning when an expression takes too long and is ignored from then on.

    Raises:
        ConfigError: an entry has the wrong type or a regular expression is invalid.
    """

    def __init__(
        self,
        table: Mapping[str, object],
        language: str | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.notify = notify
        chosen: dict[str, str] = {}
        codes = _codes(language)
        for key, value in table.items():
            if isinstance(value, str):
                chosen.setdefault(key, value)
            elif isinstance(value, dict):
                _check_language(key)
                _check_strings(key, value)
            else:
                raise ConfigError(f"lexicon: {key!r} must be a string, not {_kind(value)}")
        for code in codes:  # most specific last
            for key, value in table.items():
                if isinstance(value, dict) and key.lower() == code:
                    chosen = value | {k: v for k, v in chosen.items() if k not in value}
        if len(chosen) > MAX_ENTRIES:
            raise ConfigError(f"lexicon: {len(chosen)} entries are more than {MAX_ENTRIES}")
        entries = [_entry(key, value) for key, value in chosen.items()]
        # At the same position the longest word or phrase wins, before regular expressions.
        self.entries = sorted(entries, key=lambda entry: -len(entry.key))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def apply(self, text: str) -> str:
        """Return ``text`` with all replacements made."""
        stage = Replacer(self)
        found = stage.feed([Fragment(text, Span(0, len(text)))]) + stage.finish()
        return "".join(fragment.text for fragment in found)


class Replacer:
    """The stage that applies a lexicon to fragments."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._is_empty = not lexicon
        self._notify = lexicon.notify
        self._patterns = [entry for entry in lexicon.entries if entry.is_pattern]
        self._literals: dict[str, list[_Entry]] = {}
        for entry in lexicon.entries:
            if not entry.is_pattern:
                self._literals.setdefault(entry.key[0], []).append(entry)
        self._text = ""
        self._at = 0  # text before this was passed on; some is kept for lookbehind
        self._map = SourceMap()
        self._head: Fragment | None = None

    def feed(self, fragments: Iterable[Fragment]) -> list[Fragment]:
        """Return the text that later text cannot change."""
        if self._is_empty:
            return list(fragments)
        found: list[Fragment] = []
        for fragment in fragments:
            head = self._head
            if head is None or fragment.begins or fragment.pause_ms or fragment.voice != head.voice:
                found += self._replace(final=True)
                self._text, self._at, self._map = "", 0, SourceMap()
                self._head = fragment.part(0, 0)
                if fragment.begins or fragment.pause_ms:
                    found.append(self._head)
            self._map.append(len(self._text), len(fragment.text), fragment.span)
            self._text += fragment.text
        return found + self._replace(final=False)

    def finish(self) -> list[Fragment]:
        """Return the rest; no more text follows."""
        return self._replace(final=True)

    def _replace(self, *, final: bool) -> list[Fragment]:
        found: list[Fragment] = []
        plain = at = self._at
        while at < len(self._text):
            found_here = self._match(at, final=final)
            if found_here is True:
                at += 1
            elif found_here is False:
                break
            else:
                template, match = found_here
                found += self._verbatim(plain, at)
                found.append(self._fragment(match.expand(template), at, match.end()))
                plain = at = match.end()
        found += self._verbatim(plain, at)
        self._at = at
        if at > _MAX_WORD * 4:
            self._map.shift(at - _MAX_WORD)
            self._text, self._at = self._text[at - _MAX_WORD :], _MAX_WORD
        return found

    def _match(self, at: int, *, final: bool) -> tuple[str, re.Match[str]] | bool:
        """Return template and match at ``at``; True if there is none, False if undecided."""
        first = self._text[at].lower()[:1].translate(_APOSTROPHES)
        for entry in self._literals.get(first, ()):
            # One more character, which must not continue the word.
            rest = self._text[at : at + len(entry.key) + 1]
            if final or len(rest) > len(entry.key):
                if match := entry.pattern.match(self._text, at):
                    return entry.template, match
            elif self._may_begin(at, first) and entry.key.startswith(
                rest.lower().translate(_APOSTROPHES)
            ):
                return False
        if self._text[at].isspace():
            return True  # regular expressions do not match there
        for entry in self._patterns:
            end = self._window(at, entry.words)
            if end is None and not final:
                return False
            match = self._pattern_match(entry, at, end or len(self._text))
            if match and match.end() > at:
                return entry.template, match
        return True

    def _pattern_match(self, entry: _Entry, at: int, end: int) -> re.Match[str] | None:
        try:
            found: re.Match[str] | None = entry.pattern.match(self._text, at, end, timeout=_MATCH_S)
        except TimeoutError:
            self._patterns = [each for each in self._patterns if each is not entry]
            self._notify(f"lexicon: {entry.key!r} takes too long to match and is ignored")
            return None
        return found

    def _may_begin(self, at: int, first: str) -> bool:
        """Whether a word or phrase that begins with ``first`` can begin at ``at``."""
        if at == 0 or not (first.isalnum() and self._text[at - 1].isalnum()):
            return True
        return any(map(_IS_UNSPACED.match, (first, self._text[at - 1])))

    def _window(self, at: int, words: int) -> int | None:
        """Return the end of the ``words`` words from ``at``, or None if the last is incomplete."""
        end = at
        for _ in range(words):
            word = _WORD.match(self._text, end)
            if word is None:
                return None
            end = word.end()
        return None if end == len(self._text) else end

    def _verbatim(self, begin: int, end: int) -> list[Fragment]:
        if begin == end:
            return []
        span = self._map.span(begin, end)
        if span.end - span.start == end - begin:
            return [self._fragment(self._text[begin:end], begin, end)]
        # Another stage has already replaced some of this text: keep the span of each character.
        return [self._fragment(self._text[at], at, at + 1) for at in range(begin, end)]

    def _fragment(self, text: str, begin: int, end: int) -> Fragment:
        voice = self._head.voice if self._head else None
        return Fragment(text, self._map.span(begin, end), voice=voice)


def _entry(key: str, value: str) -> _Entry:
    if not key.strip() or len(key) > _MAX_KEY:
        raise ConfigError(f"lexicon: a word has 1 to {_MAX_KEY} characters, not {len(key)}")
    if len(key) > 2 and key.startswith("/") and key.endswith("/"):  # noqa: PLR2004  //
        return _pattern_entry(key, value)
    key = key.translate(_APOSTROPHES)
    letter = rf"[^\W{_UNSPACED}]"
    before = f"(?<!{letter})" if _is_of_spaced_word(key[0]) else ""
    after = f"(?!{letter})" if _is_of_spaced_word(key[-1]) else ""
    flags = re.IGNORECASE if key == key.lower() else re.NOFLAG
    pattern = re.compile(before + re.escape(key).replace("'", "['’]") + after, flags)
    return _Entry(key.lower(), pattern, value.replace("\\", r"\\"))


def _is_of_spaced_word(character: str) -> bool:
    return character.isalnum() and not _IS_UNSPACED.match(character)


def _pattern_entry(key: str, value: str) -> _Entry:
    import regex  # noqa: PLC0415  only for these

    try:
        re.compile(key[1:-1]).sub(value, "")  # regex checks the replacement when it is used
        pattern = regex.compile(key[1:-1])
    except (re.error, regex.error, IndexError, OverflowError, RecursionError) as error:
        raise ConfigError(
            f"lexicon: {key} = {value!r}: {error}",
            remedy="correct the regular expression, which Python's re describes",
        ) from error
    if pattern.match(""):
        raise ConfigError(
            f"lexicon: {key} matches the empty string",
            remedy="make the regular expression match at least one character",
        )
    words = _WORDS_SEEN if _MATCHES_SPACE.search(pattern.pattern) else 1
    return _Entry(pattern.pattern, pattern, value, words)


def _codes(language: str | None) -> list[str]:
    """Return the codes that apply to a language, e.g. ``pt`` and ``pt-br`` for ``pt-BR``."""
    if not language:
        return []
    parts = language.lower().replace("_", "-").split("-")
    return ["-".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _check_language(key: str) -> None:
    if not _LANGUAGE.fullmatch(key):
        raise ConfigError(
            f"lexicon: [{key}] is not a language code", remedy="write a code such as en or pt-BR"
        )


def _check_strings(key: str, value: dict[object, object]) -> None:
    for word, spoken in value.items():
        if not isinstance(word, str) or not isinstance(spoken, str):
            raise ConfigError(f"lexicon.{key}: {word!r} must be a string, not {_kind(spoken)}")
        _entry(word, spoken)  # report mistakes whatever the language


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", list: "an array"}
    return names.get(type(value), type(value).__name__)
