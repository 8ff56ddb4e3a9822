"""An option whose value may be left out, which click's successors no longer know."""

from __future__ import annotations

import os

_OPTIONAL_VALUE = ("--debug-audio",)


def with_optional_values(argv: list[str]) -> list[str]:
    """``argv`` with ``--debug-audio [DIR]`` in its one unambiguous form, ``--debug-audio=DIR``.

    The word after it is taken for its folder only where it looks like one (it
    begins as a path does, is one word with a path separator in it, or there is a
    folder of that name), since it may as well be the first word to speak. Alone it
    becomes ``--debug-audio=``.
    """
    settled: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            return [*settled, word, *words]
        if word not in _OPTIONAL_VALUE:
            settled.append(word)
            continue
        following = next(words, None)
        if following is None:
            settled.append(f"{word}=")
        elif _is_folder(following):
            settled.append(f"{word}={following}")
        else:
            settled += [f"{word}=", *with_optional_values([following, *words])]
    return settled


def _is_folder(word: str) -> bool:
    if word.startswith("-"):
        return False
    if word.startswith(("/", "~", "./", "../")) or word in {".", ".."}:
        return True
    one_word = not any(letter.isspace() for letter in word)
    return ("/" in word and one_word) or os.path.isdir(word)  # noqa: PTH112  it never raises
