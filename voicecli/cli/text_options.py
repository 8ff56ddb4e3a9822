"""Options of `say` about the text: how it is read, cut, spoken and joined."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from voicecli.cli import completion, options
from voicecli.cli.interrupted_runs import InterruptedRun
from voicecli.cli.plain_text import check_encoding
from voicecli.cli.resume import use_options_of_last_run
from voicecli.cli.text_input import (
    GivenText,
    TextInput,
    TextReading,
    argument_text,
    given_text,
    open_text,
)
from voicecli.cli.text_input import text_input as text_of_words
from voicecli.errors import ConfigError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicecli.text.lexicon import Lexicon

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_LINE = re.compile(r"([\w./+()@-]{1,100}):\s*(.*)", re.DOTALL)
_SUBTITLES = (".srt", ".vtt")
_MAX_PAUSE_MS = 60_000


def _language(value: str | None) -> str | None:
    if value is not None and not _LANGUAGE.fullmatch(value):
        raise typer.BadParameter(f"{value!r} is not a language code, such as en or pt-BR")
    return value


def _subtitle_file(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in _SUBTITLES:
        raise typer.BadParameter(f"{str(path)!r} does not end in {' or '.join(_SUBTITLES)}")
    return path


def _encoding(value: str | None) -> str | None:
    try:
        return value and check_encoding(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Script: TypeAlias = Annotated[
    Path | None,
    options.text_option(
        metavar="FILE",
        help="Read a script from FILE: `VOICE: line` and pauses such as [500ms]; `-` is stdin. "
        "A voice may name a profile: kokoro/af_bella.",
    ),
]
Lines: TypeAlias = Annotated[
    list[str] | None,
    options.text_option(
        "--say", metavar="VOICE:TEXT", help="One line of a script; repeatable, in order."
    ),
]
Encoding: TypeAlias = Annotated[
    str | None,
    options.text_option(
        metavar="NAME",
        callback=_encoding,
        help="Encoding of the text, such as windows-1252.  [default: UTF-8, by its byte order "
        "mark, or else guessed]",
    ),
]
Language: TypeAlias = Annotated[
    str | None,
    options.text_option(
        "--lang",
        metavar="CODE",
        callback=_language,
        help="Language of the text, such as de: where its sentences end, and which part of the "
        "lexicon applies. Without it the language is guessed, and only the general part applies.",
    ),
]
Segment: TypeAlias = Annotated[
    str,
    options.timing_option(
        metavar="HOW",
        callback=options.one_of("auto", "sentence", "paragraph", "whole"),
        help="What one request speaks: auto, sentence, paragraph or whole. `auto` starts with a "
        "sentence, then takes as many as will arrive in time.",
    ),
]
Markdown: TypeAlias = Annotated[
    str,
    options.text_option(
        metavar="WHEN",
        callback=options.one_of("auto", "on", "off"),
        help="Whether to read the text as Markdown: auto, on or off. `auto` does if it looks "
        "like it.",
    ),
]
Code: TypeAlias = Annotated[
    str,
    options.text_option(
        metavar="HOW",
        callback=options.one_of("name", "read", "skip"),
        help="What to do with code blocks of Markdown: name, read or skip them.",
    ),
]
Think: TypeAlias = Annotated[
    bool,
    options.text_option("--think", help="Speak a model's thinking too, between its `think` tags."),
]
LexiconFile: TypeAlias = Annotated[
    Path | None,
    options.text_option(
        "--lexicon",
        metavar="FILE",
        help="TOML file of pronunciations, added to [lexicon] of the configuration.",
    ),
]
PauseMs: TypeAlias = Annotated[
    int,
    options.timing_option(
        metavar="MS",
        min=50,
        max=_MAX_PAUSE_MS,
        help="Speak an unfinished sentence once its writer has paused for this long.",
    ),
]
SentencePauseMs: TypeAlias = Annotated[
    int,
    options.timing_option(
        metavar="MS",
        min=0,
        max=_MAX_PAUSE_MS,
        help="Longest silence to keep between the sentences of two requests.",
    ),
]
ParagraphPauseMs: TypeAlias = Annotated[
    int,
    options.timing_option(
        metavar="MS", min=0, max=_MAX_PAUSE_MS, help="Longest silence to keep between paragraphs."
    ),
]
Prefetch: TypeAlias = Annotated[
    int,
    options.timing_option(
        metavar="N",
        min=0,
        max=16,
        help="Requests to make ahead of the one that is heard. A server that refuses one with "
        "429 gets fewer.",
    ),
]
StrictWords: TypeAlias = Annotated[
    bool,
    options.voice_option(
        "--strict-words",
        help="Exit with 4 if a realtime model changes the words of the text; it is heard anyway.",
    ),
]
Cache: TypeAlias = Annotated[
    bool | None,
    options.network_option(
        "--cache/--no-cache",
        help="Keep answers on this machine, and speak kept ones without a request; "
        "`voicecli cache` shows and clears them.  [default: the profile's]",
        show_default=False,
    ),
]
Fallback: TypeAlias = Annotated[
    list[str] | None,
    options.network_option(
        metavar="NAME",
        autocompletion=completion.fallbacks,
        help="Profile or known server that speaks if the endpoint fails, or `builtin`; repeatable.",
    ),
]
NoRecover: TypeAlias = Annotated[
    bool,
    options.network_option(
        "--no-recover",
        help="End where an answer breaks off, and do not ask for the rest of the text again.",
    ),
]
Resume: TypeAlias = Annotated[
    bool,
    options.text_option(
        "--resume",
        is_eager=True,
        callback=use_options_of_last_run,
        help="Continue the last text that was interrupted or failed, with its options.",
    ),
]
NoState: TypeAlias = Annotated[
    bool,
    options.control_option("--no-state", help="Do not keep the text and the place for --resume."),
]
Subtitles: TypeAlias = Annotated[
    Path | None,
    options.saving_option(
        metavar="FILE",
        callback=_subtitle_file,
        help="Write subtitles with the times at which sentences were heard, as .srt or .vtt.",
    ),
]


def choose_text(
    words: list[str],
    file: Path | None,
    script: Path | None,
    lines: list[str],
    reading: TextReading | None = None,
    run: InterruptedRun | None = None,
) -> TextInput:
    """Return the text to speak, from whichever of its places was given.

    ``run`` is the run that is resumed.

    Raises:
        typer.BadParameter: there is none or more than one, or it cannot be read.
    """
    if run is not None:
        if words or file is not None or script is not None or lines:
            raise typer.BadParameter("give a text or --resume, not both")
        return run.rest(reading or TextReading())
    if script is None and not lines:
        return text_of_words(words, file, reading)
    if words or file is not None or (script is not None and lines):
        raise typer.BadParameter("give only one of the text, --file, --script and --say")
    if script is not None:
        return open_text(str(script), reading)
    return given_text("\n".join(_script_line(line, reading) for line in lines))


def voices_of(lines: list[str]) -> list[str]:
    """Return the voices of ``--say``."""
    return [_script_line(line).partition(":")[0] for line in lines]


def _script_line(line: str, reading: TextReading | None = None) -> str:
    match = _LINE.fullmatch(argument_text(line, reading))
    text = GivenText(match[2]).text if match else ""
    if match is None or not text:
        raise typer.BadParameter(f"--say {clean(line, 60)!r} does not have the form VOICE:TEXT")
    return f"{match[1]}: {' '.join(text.split())}"


def read_lexicon(
    configured: Mapping[str, object], file: Path | None, language: str | None, reads: TextReading
) -> Lexicon | None:
    """Return the lexicon: entries of the file take precedence over the configuration's.

    Raises:
        ConfigError: the file cannot be read, or an entry is wrong.
    """
    if not configured and file is None:
        return None
    from voicecli.text.lexicon import Lexicon  # noqa: PLC0415  most people have none

    table = dict(configured)
    if file is not None:
        for key, value in _table(file).items():
            known = table.get(key)
            both = isinstance(known, dict) and isinstance(value, dict)
            table[key] = {**known, **value} if both else value  # type: ignore[dict-item]  # both
    return Lexicon(table, language, reads.warn)


def _table(file: Path) -> dict[str, object]:
    import tomllib  # noqa: PLC0415  only with --lexicon

    from voicecli.config.file import MAX_BYTES  # noqa: PLC0415  loaded by now
    from voicecli.config.regularfile import open_regular  # noqa: PLC0415  likewise

    try:
        with open_regular(file) as opened:
            content = opened.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{file} is too large for a lexicon")
        table: dict[str, object] = tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror or error}") from error
    except RecursionError as error:
        raise ConfigError(f"{file} is nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise ConfigError(f"{file} is not valid TOML: {clean(str(error))}") from error
    inner = table.get("lexicon")
    return inner if isinstance(inner, dict) else table
