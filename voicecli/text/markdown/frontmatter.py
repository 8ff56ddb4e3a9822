"""Find front matter: the YAML or TOML that site generators keep at the top of a page."""

from __future__ import annotations

from voicecli.text.patterns import lazy_pattern

_MAX_CHARACTERS = 4096
"""Longest front matter, in characters; anything longer is text."""

_FENCES = {"---": ("---", "..."), "+++": ("+++",)}
_FIRST_KEY = lazy_pattern(r"[a-z_][\w.-]*[ \t]*(?::(?:\s|$)|=)|\[[\w.-]+\]|#")
_LINE = lazy_pattern(r"\s*$|\s+\S|#|-(?:\s|$)|[\]})]|[\w.\"'-]+[ \t]*(?::(?:\s|$)|=)|\[")


def end_of_front_matter(text: str, *, final: bool) -> int | None:
    """Return where the front matter at the start of ``text`` ends, 0 if there is none.

    None if more text is needed to tell. Between two lines of three dashes (or pluses, of
    TOML) each line is a key, an item, indented or a comment; the first key begins in lower case.
    """
    closing: tuple[str, ...] = ()
    at, expected = 0, _FIRST_KEY
    while at < _MAX_CHARACTERS:
        end = text.find("\n", at, _MAX_CHARACTERS)
        if end < 0 and not final:
            is_open = closing or any(fence.startswith(text.rstrip()) for fence in _FENCES)
            return None if is_open and len(text) < _MAX_CHARACTERS else 0
        line = text[at : end if end >= 0 else len(text)].rstrip()
        if not at:
            closing = _FENCES.get(line, ())
            is_right = bool(closing)
        elif line in closing:
            return end + 1 if end >= 0 else len(text)
        else:
            is_right, expected = bool(expected.match(line)), _LINE
        if end < 0 or not is_right:
            return 0
        at = end + 1
    return 0
