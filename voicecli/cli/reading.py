"""How a text is read: the flags of ``say`` that turn it into requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from voicecli.text.lexicon import Lexicon
    from voicecli.text.stage import TextOptions


class Reading(NamedTuple):
    """How the flags turn a text into requests; ``lexicon`` is None for none.

    ``format`` is what is asked for if an endpoint has no format of its own; ``recovers`` is
    as for `Fallback`.
    """

    language: str | None = None
    pause_ms: int = 400
    segment: str = "auto"
    markdown: str = "auto"
    code: str = "name"
    think: bool = False
    script: bool = False
    lexicon: Lexicon | None = None
    format: str | None = None
    recovers: bool = True

    @property
    def options(self) -> TextOptions:
        """The options of the text stage, which is loaded for it."""
        from voicecli.text.lexicon import Lexicon  # noqa: PLC0415  not for short texts
        from voicecli.text.markdown import CodeBlocks  # noqa: PLC0415  likewise
        from voicecli.text.stage import Markdown, TextOptions  # noqa: PLC0415  likewise

        return TextOptions(
            language=self.language,
            pause_ms=self.pause_ms,
            markdown=Markdown(self.markdown),
            code=CodeBlocks(self.code),
            think=self.think,
            script=self.script,
            lexicon=self.lexicon or Lexicon({}),
        )
