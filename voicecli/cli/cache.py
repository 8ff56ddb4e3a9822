"""``voicecli cache``: show or delete cached answers."""

from __future__ import annotations

import typer

from voicecli.cli import options
from voicecli.cli.help import Command, Group
from voicecli.cli.output import print_json, print_message, print_table
from voicecli.errors import SaveError
from voicecli.sources.answer_cache import MAX_BYTES, AnswerCache

INFO_EXAMPLES = """Examples:
  voicecli say --cache "This is requested once."
  voicecli cache info
  voicecli cache info --json
"""

CLEAR_EXAMPLES = """Examples:
  voicecli cache clear
  voicecli cache info       # shows what there is to delete
"""

cache_app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show or delete the answers that `say --cache` keeps.",
    epilog="Examples:\n  voicecli cache info\n  voicecli cache clear\n",
)


@cache_app.command(cls=Command, epilog=INFO_EXAMPLES)
def info(
    json_: options.JsonObject = False,
) -> None:
    """Print how much is cached, and where.

    An answer is kept with a hash of its request: endpoint, model, voice, format,
    speed, instructions and text. The text itself is not kept.
    """
    cache = AnswerCache()
    size = cache.size()
    if json_:
        print_json({"path": str(cache.path), **size._asdict(), "max_bytes": MAX_BYTES})
        return
    print_table(
        [
            ("file", str(cache.path)),
            ("answers", str(size.answers)),
            ("sound", f"{size.bytes / 1e6:.1f} of {MAX_BYTES / 1e6:.0f} MB"),
        ]
    )


@cache_app.command(cls=Command, epilog=CLEAR_EXAMPLES)
def clear() -> None:
    """Delete all cached answers."""
    cache = AnswerCache()
    try:
        existed = cache.clear()
    except OSError as error:
        raise SaveError(f"cannot delete {cache.path}: {error.strerror or error}") from error
    print_message("deleted" if existed else "there was nothing to delete")
