"""Options that several commands share, each with its help in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

import typer

from voicecli.cli import completion
from voicecli.cli.help import NETWORK, OUTPUT, SAVING, SOUND, VOICE
from voicecli.config.file import AUTO


def _known_format(value: str | None) -> str | None:
    if value is not None and value not in completion.FORMATS:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(completion.FORMATS)}")
    return value


def _known_suffix(path: Path | None) -> Path | None:
    if path is not None and str(path) == "-":
        raise typer.BadParameter("name a file; nothing is saved to standard output")
    if path is None or not path.suffix:
        return path
    from voicecli.codecs.formats import CODECS, codec_for_suffix  # noqa: PLC0415  only for --save

    if codec_for_suffix(str(path)) is None:
        known = ", ".join(codec.suffixes[0] for codec in CODECS.values())
        raise typer.BadParameter(f"{path.suffix!r} is none of {known}")
    return path


BaseUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        autocompletion=completion.base_urls,
        rich_help_panel=VOICE,
        help="OpenAI-compatible server, such as http://localhost:8880/v1; "
        "`builtin` for the built-in voice.",
    ),
]
ProfileName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        autocompletion=completion.profiles,
        rich_help_panel=VOICE,
        help="Profile of the configuration file.",
    ),
]
Model: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", rich_help_panel=VOICE, help="Model to ask for.")
]
VoiceName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--voice",
        metavar="NAME",
        autocompletion=completion.voices,
        rich_help_panel=VOICE,
        help="Voice; `voicecli voices` lists them.",
    ),
]
Format: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        callback=_known_format,
        autocompletion=completion.formats,
        rich_help_panel=VOICE,
        help="pcm, wav, opus, mp3, aac or flac.",
    ),
]
SampleRate: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="HZ",
        min=4000,
        max=384_000,
        rich_help_panel=VOICE,
        help="Rate of raw PCM where nobody tells it.  [default: 24000]",
    ),
]


def _proxy_url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is none
        is_usable = False
    if not is_usable:
        shown = "it" if "@" in value else repr(value)  # before an @ stands a password
        raise typer.BadParameter(f"{shown} is not of the form http://HOST:PORT")
    return value


Proxy: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        callback=_proxy_url,
        rich_help_panel=NETWORK,
        help="HTTP proxy to go through, to servers on this machine as well.  "
        "[default: what the environment says, for others]",
    ),
]
Device: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=completion.devices,
        rich_help_panel=SOUND,
        help="Sound device, by its number or a part of its name; "
        "`null` plays nothing, at the pace of sound.",
    ),
]
Volume: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="FACTOR",
        min=0.0,
        max=4.0,
        rich_help_panel=SOUND,
        help="1 leaves the sound as it is.",
    ),
]
_MOST_BUFFER_MS = 60_000.0


def buffer(value: str) -> Any:
    """Milliseconds, or `AUTO`."""
    if value == AUTO:
        return AUTO
    try:
        milliseconds = float(value)
    except ValueError:
        milliseconds = -1.0
    if not 0 <= milliseconds <= _MOST_BUFFER_MS:  # nan as well
        raise typer.BadParameter(f"{value!r} is neither {AUTO} nor from 0 to {_MOST_BUFFER_MS:g}")
    return milliseconds


BufferMs: TypeAlias = Annotated[
    Any,
    typer.Option(
        metavar="MS",
        parser=buffer,
        rich_help_panel=SOUND,
        help="Audio to hold before the first sound, and after a gap; "
        "`auto` follows the arrivals, past runs included.  [default: auto]",
    ),
]
PrerollMs: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="MS",
        min=0.0,
        max=10_000.0,
        rich_help_panel=SOUND,
        help="Silence to begin with, for devices that wake slowly.  [default: 0]",
    ),
]
Save: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        callback=_known_suffix,
        rich_help_panel=SAVING,
        help="Save what is spoken, as .wav, .opus, .mp3, .flac, .aac or .pcm.",
    ),
]
DebugAudio: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="[DIR]",
        rich_help_panel=SAVING,
        help="Keep the WAV, the bytes as received and the metrics in DIR "
        "(default: the platform's data folder). Write --debug-audio=DIR where DIR is new.",
    ),
]
NoPlay: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-play",
        rich_help_panel=SOUND,
        help="Make no sound; with --save, as fast as it comes.",
    ),
]
FailOnUnderrun: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--fail-on-underrun",
        rich_help_panel=OUTPUT,
        help="Exit with 4 where the sound had gaps, also if all of it was heard.",
    ),
]
Json: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json",
        rich_help_panel=OUTPUT,
        help="Print one JSON object with all metrics on standard output.",
    ),
]
EventLogFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--event-log",
        metavar="FILE",
        rich_help_panel=SAVING,
        help="Append events to FILE as JSON lines.",
    ),
]
TraceFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        rich_help_panel=SAVING,
        help="Write to FILE, as JSON lines, when how many bytes came, for `bench --replay`.",
    ),
]
TraceAudio: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--trace-audio",
        rich_help_panel=SAVING,
        help="With --trace: the bytes themselves as well.",
    ),
]
Quiet: TypeAlias = Annotated[
    bool,
    typer.Option("--quiet", "-q", rich_help_panel=OUTPUT, help="Say nothing but errors."),
]
Verbose: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        rich_help_panel=OUTPUT,
        help="Tell which endpoint is used and why, and timings.",
    ),
]
