"""Markdown as it is spoken: block by block, and within a paragraph word by word."""

from voicecli.text.markdown.blocks import CodeBlocks
from voicecli.text.markdown.detect import looks_like_markdown
from voicecli.text.markdown.reader import MarkdownReader

__all__ = ["CodeBlocks", "MarkdownReader", "looks_like_markdown"]
