"""Turn Markdown into spoken text while it arrives."""

from voicecli.text.markdown.blocks import CodeBlocks
from voicecli.text.markdown.detect import looks_like_markdown
from voicecli.text.markdown.reader import MarkdownReader

__all__ = ["CodeBlocks", "MarkdownReader", "looks_like_markdown"]
