"""The text stage as one: bytes or text in, sentences out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from voicecli.text.fragment import TextDecoder
from voicecli.text.lexicon import Lexicon, Replacer
from voicecli.text.script import ScriptReader
from voicecli.text.segmenter import PAUSE_MS, Segmenter

if TYPE_CHECKING:
    from typing import Protocol

    from voicecli.text.fragment import Fragment
    from voicecli.text.segment import Sentence

    class Stage(Protocol):
        """One step from fragments to fragments."""

        def feed(self, fragments: list[Fragment]) -> list[Fragment]:
            """Return what is certain."""

        def finish(self) -> list[Fragment]:
            """Return the rest."""


@dataclass(frozen=True, slots=True)
class TextSettings:
    """How text becomes sentences.

    ``language`` is a code such as ``de``, None guesses it by the script. ``markdown`` says
    whether the text is Markdown, ``auto`` looks at its beginning. ``code`` and ``think`` say
    what becomes of code blocks and of ``<think>`` sections. ``is_script`` reads
    ``VOICE: line``.
    """

    language: str | None = None
    markdown: Literal["auto", "on", "off"] = "auto"
    code: Literal["name", "read", "skip"] = "name"
    think: bool = False
    lexicon: Lexicon = field(default_factory=lambda: Lexicon({}))
    is_script: bool = False
    pause_ms: int = PAUSE_MS


class TextStage:
    """Decodes, reads Markdown or a script, applies the lexicon, and cuts sentences.

    `feed` in order, then `finish` once; `tick` while the writer is silent. Times are
    seconds of any one clock. Pure.
    """

    def __init__(self, settings: TextSettings) -> None:
        self._decoder = TextDecoder()
        self._stages: list[Stage] = []
        if settings.is_script:
            self._stages.append(ScriptReader())
        elif settings.markdown != "off":
            self._stages.append(_markdown_reader(settings))
        self._stages.append(Replacer(settings.lexicon))
        self._segmenter = Segmenter(settings.language, pause_ms=settings.pause_ms)

    def feed(self, data: str | bytes, now: float = 0.0) -> list[Sentence]:
        """Return the sentences that ``data``, text or UTF-8 cut anywhere, makes certain."""
        return self._pass_on(self._decoder.feed(data), now)

    def tick(self, now: float) -> list[Sentence]:
        """Return what a pause of the writer makes worth speaking, if there is one."""
        return self._segmenter.tick(now)

    def finish(self, now: float = 0.0) -> list[Sentence]:
        """Return the rest: no text follows."""
        sentences = self._pass_on(self._decoder.finish(), now)
        for place, stage in enumerate(self._stages):
            sentences += self._pass_on(stage.finish(), now, place + 1)
        return sentences + self._segmenter.finish()

    def _pass_on(self, fragments: list[Fragment], now: float, place: int = 0) -> list[Sentence]:
        for stage in self._stages[place:]:
            fragments = stage.feed(fragments)
        return self._segmenter.feed_fragments(fragments, now) if fragments else []


def _markdown_reader(settings: TextSettings) -> Stage:
    from voicecli.text.markdown import MarkdownReader  # noqa: PLC0415  markdown-it-py takes 20 ms

    return MarkdownReader(
        code=settings.code, think=settings.think, is_sure=settings.markdown == "on"
    )
