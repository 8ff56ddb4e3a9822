"""The whole text stage: from incoming text to sentences."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from voicecli.text.fragment import Fragment, TextDecoder
from voicecli.text.lexicon import Lexicon, Replacer
from voicecli.text.markdown import CodeBlocks, MarkdownReader
from voicecli.text.script import ScriptReader
from voicecli.text.segmenter import PAUSE_MS, ROUNDING_S, Segmenter
from voicecli.text.think import ThinkFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.text.segment import Sentence


class Markdown(StrEnum):
    """Whether text is read as Markdown; `AUTO` waits for something that looks like it."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class TextOptions(NamedTuple):
    """How text is read.

    Args:
        language: code such as ``de``; None guesses it.
        pause_ms: silence of the writer after which text is released early.
        markdown: whether to read Markdown.
        code: what to do with Markdown code blocks.
        think: speak the text between ``<think>`` and ``</think>`` as well.
        script: interpret ``VOICE: line`` and ``[500ms]``.
        lexicon: replacements to apply.
    """

    language: str | None = None
    pause_ms: int = PAUSE_MS
    markdown: Markdown = Markdown.AUTO
    code: CodeBlocks = CodeBlocks.NAME
    think: bool = False
    script: bool = False
    lexicon: Lexicon = Lexicon({})


class TextStage:
    """Turns text that arrives in pieces into sentences, as early as possible.

    Call `feed` for each piece of text, `tick` while none arrives, and `finish` once. Times
    are in seconds, from any clock. No method blocks or raises. Feed long texts in pieces
    of a few kilobytes to get the first sentence without processing all of it.
    """

    def __init__(self, options: TextOptions | None = None) -> None:
        options = options or TextOptions()
        self._pause_s = options.pause_ms / 1e3 - ROUNDING_S
        self._written_at: float | None = None
        self._decoder = TextDecoder()
        self._stages: list[ScriptReader | ThinkFilter | MarkdownReader | Replacer] = []
        if options.script:
            self._stages.append(ScriptReader())
        has_code = options.markdown is not Markdown.OFF
        self._stages.append(ThinkFilter(keep=options.think, fences=has_code))
        if options.markdown is not Markdown.OFF:
            is_auto = options.markdown is Markdown.AUTO
            self._stages.append(MarkdownReader(auto=is_auto, code=options.code))
        if options.lexicon:
            self._stages.append(Replacer(options.lexicon))
        self._segmenter = Segmenter(options.language, pause_ms=options.pause_ms)

    def feed(self, data: str | bytes, now: float = 0.0) -> list[Sentence]:
        """Add text, or UTF-8 cut at any byte, and return the sentences that are now certain."""
        self._written_at = now
        return self._segmenter.feed_fragments(self._through(self._decoder.feed(data)), now)

    def tick(self, now: float) -> list[Sentence]:
        """Return the sentences to release if the writer has paused, else nothing.

        Call it about every 50 ms while no text arrives.
        """
        if self._written_at is None or now - self._written_at < self._pause_s:
            return []
        found: list[Sentence] = []
        for number, stage in enumerate(self._stages):
            if isinstance(stage, MarkdownReader):
                flushed = self._through(stage.flush(), number + 1)
                found += self._segmenter.feed_fragments(flushed, self._written_at)
        return found + self._segmenter.tick(now)

    def finish(self) -> list[Sentence]:
        """Return the remaining sentences; no more text follows."""
        found = self._segmenter.feed_fragments(self._through(self._decoder.finish()))
        for number, stage in enumerate(self._stages):
            rest = self._through(stage.finish(), number + 1)
            found += self._segmenter.feed_fragments(rest)
        return found + self._segmenter.finish()

    def _through(self, fragments: Sequence[Fragment], first: int = 0) -> Sequence[Fragment]:
        """Pass fragments through the stages, starting with number ``first``."""
        for stage in self._stages[first:]:
            fragments = stage.feed(fragments)
        return fragments
