"""Recognise Markdown by marks that plain prose does not contain."""

from __future__ import annotations

import re

from voicecli.text.patterns import lazy_pattern

_TAGS = (
    "a|abbr|b|blockquote|br|center|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|kbd"
    "|li|mark|ol|p|pre|q|s|samp|script|small|span|strong|style|sub|summary|sup|table|tbody|td"
    "|th|thead|tr|u|ul"
)
_EVIDENCE = lazy_pattern(
    rf"""^[ ]{{0,3}}(?:`{{3,}}|~{{3,}})            # a fence
      | ^[ ]{{0,3}}\#{{1,6}}[ \t]+\S               # a heading
      | ^[ ]{{0,3}}>[ \t]?\S                       # a quotation
      | ^[ ]{{0,3}}[-*+][ \t]+(?![-–—])\S          # a list item
      | ^[ ]{{0,3}}(?:=|-){{3,}}[ \t\r]*$            # under a heading, or a rule
      | ^[ ]{{0,3}}(?:\*[ \t]*){{3,}}\r?$             # a rule
      | ^[ ]{{0,3}}\|.*\|[ \t\r]*$                   # a row of a table
      | ^[ ]{{0,3}}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t\r]*$  # under its head
      | \*\*(?=\S)[^*\n]+(?<=\S)\*\*               # strong
      | (?<![\w*])\*(?=[^\s*])[^*\n]*(?<=\S)\*(?![\w*])  # emphasis
      | (?<!\w)_(?=[^\s])[^\n]*?(?<=\S)_(?!\w)
      | ~~(?=\S)[^~\n]+(?<=\S)~~                   # struck out
      | (?<!`)(`+)(?!`)[^`\n]+\1(?!`)              # code
      | !?\[[^\]\n]*\]\([^)\s]*(?:[ ]"[^"\n]*")?\)  # a link or an image
      | (?<![\w)\]])\[[^\[\]\n"']*[^\W\d_]{{2}}[^\[\]\n"']*\]\[[^\[\]\n"']*\]  # reference link
      | \[\^\d{{1,3}}\](?!\()                       # a footnote
      | ^[ ]{{0,3}}\[[^\]\n]+\]:[ \t]+\S           # a link definition
      | <(?:https?|mailto):[^\s>]+>
      | </?(?:{_TAGS})(?:\s[^<>\n]*)?/?>           # HTML
      | <!--
      | &(?:amp|lt|gt|quot|apos|nbsp|copy|reg|mdash|ndash|hellip|[lr][sd]quo|\#\d+|\#x[0-9a-f]+);
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)


def looks_like_markdown(text: str) -> bool:
    """Return whether ``text`` contains Markdown that would be heard if read as prose.

    ``3 * 4``, ``C#``, ``a_b``, ``#1``, ``x < y`` and numbered lines do not count: they
    sound the same either way.
    """
    return _EVIDENCE.search(text) is not None
