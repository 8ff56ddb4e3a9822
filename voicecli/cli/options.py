"""Options that several commands share, each with its help in one place."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from voicecli.cli import completion, option_values
from voicecli.cli.help import (
    CONTROL,
    DIAGNOSTICS,
    FORMAT,
    MEASUREMENT,
    NETWORK,
    OUTPUT,
    PLAYBACK,
    SAVING,
    TEXT,
    TIMING,
    VOICE,
)
from voicecli.cli.text_input import as_unicode

text_option = partial(typer.Option, rich_help_panel=TEXT)
voice_option = partial(typer.Option, rich_help_panel=VOICE)
format_option = partial(typer.Option, rich_help_panel=FORMAT)
playback_option = partial(typer.Option, rich_help_panel=PLAYBACK)
saving_option = partial(typer.Option, rich_help_panel=SAVING)
measurement_option = partial(typer.Option, rich_help_panel=MEASUREMENT)
timing_option = partial(typer.Option, rich_help_panel=TIMING)
control_option = partial(typer.Option, rich_help_panel=CONTROL)
network_option = partial(typer.Option, rich_help_panel=NETWORK)
output_option = partial(typer.Option, rich_help_panel=OUTPUT)
diagnostics_option = partial(typer.Option, rich_help_panel=DIAGNOSTICS)


def one_of(*known: str) -> Any:
    """Make a callback that rejects values other than these, for one value or a list."""

    def check(value: str | list[str] | None) -> str | list[str] | None:
        for item in [value] if isinstance(value, str) else value or []:
            if item not in known:
                raise typer.BadParameter(f"{item!r} is not one of {', '.join(known)}")
        return value

    return check


def unicode_value(value: str | None) -> str | None:
    """Replace undecodable bytes of a value that goes into a request."""
    return value and as_unicode(value)


BaseUrl: TypeAlias = Annotated[
    str | None,
    voice_option(
        metavar="URL",
        autocompletion=completion.base_urls,
        help="OpenAI-compatible server, such as http://localhost:8880/v1, "
        "or `builtin` for the built-in voice.",
    ),
]
ProfileName: TypeAlias = Annotated[
    str | None,
    voice_option(
        "--profile",
        metavar="NAME",
        autocompletion=completion.profiles,
        help="Profile from the configuration file, or known server (`voicecli endpoints`).",
    ),
]
Model: TypeAlias = Annotated[
    str | None, voice_option(metavar="NAME", callback=unicode_value, help="Model to request.")
]
VoiceName: TypeAlias = Annotated[
    str | None,
    voice_option(
        "--voice",
        "-V",
        metavar="NAME",
        callback=unicode_value,
        autocompletion=completion.voices,
        help="Voice to speak with; `voicecli voices` lists them.",
    ),
]
Format: TypeAlias = Annotated[
    str | None,
    format_option(
        "--format",
        metavar="NAME",
        callback=one_of(*completion.FORMATS),
        autocompletion=completion.formats,
        help="Format of the audio: pcm, wav, opus, mp3, aac or flac.",
    ),
]
Rate: TypeAlias = Annotated[
    float | None,
    voice_option(
        "--rate",
        "-r",
        metavar="WORDS",
        callback=option_values.speed_of_rate,
        help="Speed in words a minute, as with macOS's say; "
        f"{option_values.NORMAL_RATE} is normal.",
    ),
]
SampleRate: TypeAlias = Annotated[
    int | None,
    format_option(
        metavar="HZ",
        min=4000,
        max=384_000,
        help="Sample rate of raw PCM; overrides its label.  [default: the label's, else 24000]",
    ),
]
Proxy: TypeAlias = Annotated[
    str | None,
    network_option(
        metavar="URL",
        callback=option_values.proxy_url,
        help="HTTP or SOCKS 5 proxy, also for servers on this machine.  "
        "[default: from the environment, for other machines only]",
    ),
]
Timeout: TypeAlias = Annotated[
    float,
    network_option(metavar="S", min=0.001, max=3600, help="Longest wait for the server."),
]
Device: TypeAlias = Annotated[
    str | None,
    playback_option(
        metavar="NAME",
        autocompletion=completion.devices,
        help="Sound device: its number or part of its name; `null` plays silently, in real time.",
    ),
]
Volume: TypeAlias = Annotated[
    float | None,
    playback_option(
        metavar="FACTOR", min=0.0, max=4.0, help="Volume factor; 1 leaves the sound unchanged."
    ),
]
BufferMs: TypeAlias = Annotated[
    Any,
    timing_option(
        metavar="MS",
        parser=option_values.buffer_ms,
        help="Audio to buffer before playback starts or resumes; `auto` adapts to how "
        "the audio arrives, in this and earlier runs.  [default: auto]",
    ),
]
LatencyMs: TypeAlias = Annotated[
    Any,
    timing_option(
        metavar="MS",
        parser=option_values.latency_ms,
        help="Audio that the sound device buffers: less lets a pause begin sooner, more "
        "survives a busy machine; `auto` is as little as it needs.  [default: auto]",
    ),
]
PrerollMs: TypeAlias = Annotated[
    float | None,
    timing_option(
        metavar="MS",
        min=0.0,
        max=10_000.0,
        help="Silence to play first, for devices that wake up slowly.  [default: 0]",
    ),
]
NoPlay: TypeAlias = Annotated[
    bool,
    playback_option(
        "--no-play", help="Do not play; with --save, write the file as fast as the audio arrives."
    ),
]
Save: TypeAlias = Annotated[
    Path | None,
    saving_option(
        "--save",
        "-o",
        metavar="FILE",
        callback=option_values.saved_file,
        help="Save the audio as .wav, .opus, .mp3, .flac, .aac or .pcm; `-` is standard output, "
        "as it comes.",
    ),
]
SaveAs: TypeAlias = Annotated[
    str | None,
    saving_option(
        "--save-as",
        metavar="NAME",
        callback=one_of(*completion.FORMATS),
        autocompletion=completion.formats,
        help="Format to save, whatever the suffix: pcm, wav, opus, mp3, aac or flac.  "
        "[default: by the suffix, else wav]",
    ),
]
DebugAudio: TypeAlias = Annotated[
    str | None,
    diagnostics_option(
        "--debug-audio",
        metavar="[DIR]",
        help="Save a WAV, the bytes as received and the metrics in DIR "
        "(default: the platform's data folder). Use --debug-audio=DIR if DIR does not exist.",
    ),
]
EventLogFile: TypeAlias = Annotated[
    Path | None,
    diagnostics_option("--event-log", metavar="FILE", help="Append events to FILE, as JSON lines."),
]
TraceFile: TypeAlias = Annotated[
    Path | None,
    diagnostics_option(
        "--trace",
        metavar="FILE",
        help="Record when each chunk arrived and its size in FILE, as JSON lines, "
        "for `bench --replay`. Requests are then made one after another.",
    ),
]
TraceAudio: TypeAlias = Annotated[
    bool, diagnostics_option("--trace-audio", help="With --trace: record the bytes as well.")
]
FailOnUnderrun: TypeAlias = Annotated[
    bool,
    output_option(
        "--fail-on-underrun",
        help="Exit with 4 if the sound had gaps, even if everything was played.",
    ),
]
Json: TypeAlias = Annotated[
    bool, output_option("--json", help="Print all metrics as one JSON object on standard output.")
]
JsonObject: TypeAlias = Annotated[
    bool, output_option("--json", help="Print one JSON object on standard output.")
]
JsonArray: TypeAlias = Annotated[
    bool, output_option("--json", help="Print a JSON array on standard output.")
]
Quiet: TypeAlias = Annotated[bool, output_option("--quiet", "-q", help="Print nothing but errors.")]
ResultsOnly: TypeAlias = Annotated[
    bool, output_option("--quiet", "-q", help="Print the results and errors, nothing else.")
]
Verbose: TypeAlias = Annotated[
    bool,
    output_option("--verbose", "-v", help="Print which endpoint is used and why, and timings."),
]


def with_optional_value(argv: list[str]) -> list[str]:
    """Rewrite ``--debug-audio [DIR]`` as ``--debug-audio=DIR``, or ``--debug-audio=`` without DIR.

    typer has no options with an optional value. The next argument may as well be
    the text to speak, so it counts as DIR only if it looks like a folder.
    """
    rewritten: list[str] = []
    rest = iter(argv)
    for argument in rest:
        if argument == "--":
            return [*rewritten, argument, *rest]
        if argument != "--debug-audio":
            rewritten.append(argument)
            continue
        value = next(rest, None)
        if value is None:
            rewritten.append(f"{argument}=")
        elif _is_folder(value):
            rewritten.append(f"{argument}={value}")
        else:
            return [*rewritten, f"{argument}=", *with_optional_value([value, *rest])]
    return rewritten


def _is_folder(argument: str) -> bool:
    """Whether it begins like a path, is one word with a ``/``, or names an existing folder."""
    if argument.startswith("-"):
        return False
    if argument.startswith(("/", "~", "./", "../")) or argument in {".", ".."}:
        return True
    is_one_word = not any(letter.isspace() for letter in argument)
    return ("/" in argument and is_one_word) or os.path.isdir(argument)  # noqa: PTH112  never raises
