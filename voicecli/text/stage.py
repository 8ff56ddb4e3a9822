"""The whole way from what a writer sends to sentences, with every stage that is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

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
    """Whether a text is Markdown; `AUTO` decides when something in it looks like it."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How a text is read.

    Args:
        language: code such as ``de``; None guesses it by the script.
        pause_ms: silence of the writer after which what is there is spoken.
        markdown: whether it is Markdown.
        code: what is done with code blocks, if it is.
        think: speak what stands between ``<think>`` and ``</think>`` too.
        script: read ``VOICE: line`` and ``[500ms]``.
        lexicon: what is to be spoken otherwise.
    """

    language: str | None = None
    pause_ms: int = PAUSE_MS
    markdown: Markdown = Markdown.AUTO
    code: CodeBlocks = CodeBlocks.NAME
    think: bool = False
    script: bool = False
    lexicon: Lexicon = field(default_factory=lambda: Lexicon({}))


class TextStage:
    """Text in pieces of any size in, sentences out as soon as they are certain.

    Feed it in order and call `finish` once. Times are seconds of any one clock. Nothing
    here blocks, raises or keeps text longer than needed.
    """

    def __init__(self, options: TextOptions | None = None) -> None:
        options = options or TextOptions()
        self._pause_s = options.pause_ms / 1e3 - ROUNDING_S
        self._written: float | None = None
        self._decoder = TextDecoder()
        self._stages: list[ScriptReader | ThinkFilter | MarkdownReader | Replacer] = []
        if options.script:
            self._stages.append(ScriptReader())
        self._stages.append(ThinkFilter(keep=options.think))
        if options.markdown is not Markdown.OFF:
            is_auto = options.markdown is Markdown.AUTO
            self._stages.append(MarkdownReader(auto=is_auto, code=options.code))
        if options.lexicon:
            self._stages.append(Replacer(options.lexicon))
        self._segmenter = Segmenter(options.language, pause_ms=options.pause_ms)

    def feed(self, data: str | bytes, now: float = 0.0) -> list[Sentence]:
        """Return the sentences that ``data``, text or UTF-8 cut anywhere, makes certain."""
        self._written = now
        return self._segmenter.feed_fragments(self._through(self._decoder.feed(data)), now)

    def tick(self, now: float) -> list[Sentence]:
        """Return what a pause of the writer makes worth speaking, if there is one.

        Call it every 50 ms or so while nothing arrives.
        """
        if self._written is None or now - self._written < self._pause_s:
            return []
        found: list[Sentence] = []
        for number, stage in enumerate(self._stages):
            if isinstance(stage, MarkdownReader):
                flushed = self._through(stage.flush(), number + 1)
                found += self._segmenter.feed_fragments(flushed, self._written)
        return found + self._segmenter.tick(now)

    def finish(self) -> list[Sentence]:
        """Return the rest: no text follows."""
        found = self._segmenter.feed_fragments(self._through(self._decoder.finish()))
        for number, stage in enumerate(self._stages):
            rest = self._through(stage.finish(), number + 1)
            found += self._segmenter.feed_fragments(rest)
        return found + self._segmenter.finish()

    def _through(self, fragments: Sequence[Fragment], first: int = 0) -> Sequence[Fragment]:
        """Pass fragments through the stages from ``first`` on."""
        for stage in self._stages[first:]:
            fragments = stage.feed(fragments)
        return fragments
