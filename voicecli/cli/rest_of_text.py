"""The rest of a text that was spoken in part, for ``say --resume``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voicecli.cli.text_input import TextInput


class RestOfText:
    """A text without its first ``skipped`` characters, and with a ``label`` before the rest."""

    def __init__(self, text: TextInput, skipped: int, label: str = "") -> None:
        self._text = text
        self._skipped = skipped
        self._label = label

    @property
    def is_growing(self) -> bool:
        """Whether it may still be being written."""
        return self._text.is_growing

    @property
    def has_begun(self) -> bool:
        """Whether any of it has been read."""
        return self._text.has_begun

    def pieces(self, is_over: Callable[[], bool]) -> Iterator[str]:
        """Yield the pieces of the rest as they arrive."""
        left, label = self._skipped, self._label
        for piece in self._text.pieces(is_over):
            if rest := piece[left:]:
                yield label + rest
                label = ""
            left = max(0, left - len(piece))

    def close(self) -> None:
        """Close the text; idempotent."""
        self._text.close()
