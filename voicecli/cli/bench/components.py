"""``voicecli bench encode|decode|source|policy``: measure the components on this machine."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, TypeAlias

import typer

from voicecli.cli import completion, options
from voicecli.cli.bench.rounds import run_benchmark
from voicecli.cli.help import Command
from voicecli.playback.output import NULL_DEVICE

_MAX_SECONDS = 600.0
_MAX_FRAME_MS = 10_000
_MODES = ("inline", "threaded")
_PRODUCERS = ("fast", "real-time")

ENCODE_EXAMPLES = """Examples:
  voicecli bench encode
  voicecli bench encode --format opus --frame-ms 60 --seconds 20 --pace 1
  voicecli bench encode --json | jq '.cases[] | select(.codec == "opus") | .metrics.push_us'
"""

DECODE_EXAMPLES = """Examples:
  voicecli bench decode
  voicecli bench decode --format flac --format opus --chunk 4096 --seconds 60 --rate 48000
"""

SOURCE_EXAMPLES = """Examples:
  voicecli bench source
  voicecli bench source --queue-ms 100 --seconds 60 --device default
"""

POLICY_EXAMPLES = """Examples:
  voicecli bench policy
  voicecli bench policy --server jittery --server stalling --traces 1000
"""


Formats: TypeAlias = Annotated[
    list[str],
    options.measurement_option(
        "--format",
        metavar="NAME",
        callback=options.one_of(*completion.FORMATS),
        autocompletion=completion.formats,
        help="pcm, wav, opus, mp3, aac or flac; repeatable.  [default: all]",
        show_default=False,
    ),
]
FramesMs: TypeAlias = Annotated[
    list[int],
    options.measurement_option(
        "--frame-ms",
        metavar="MS",
        min=1,
        max=_MAX_FRAME_MS,
        help="Length of the pushed frames; repeatable.",
    ),
]
Seconds: TypeAlias = Annotated[
    float, options.measurement_option(metavar="S", min=0.1, max=_MAX_SECONDS, help="Audio per run.")
]
Runs: TypeAlias = Annotated[
    int, options.measurement_option(metavar="N", min=1, help="Runs of each case, in turn.")
]
Warmup: TypeAlias = Annotated[
    int,
    options.measurement_option(
        "--warmup", metavar="N", min=0, help="Runs before that, not counted."
    ),
]


def _choice(names: tuple[str, ...], help_: str) -> Any:
    return options.measurement_option(
        metavar="NAME", callback=options.one_of(*names), help=help_, show_default=False
    )


components_app = typer.Typer()
_command = partial(components_app.command, cls=Command)


@_command(epilog=ENCODE_EXAMPLES, short_help="For developers: measure the stream encoder.")
def encode(
    formats: Formats = list(completion.FORMATS),  # noqa: B006  typer copies it
    frame_ms: FramesMs = [10, 20, 60, 500],  # noqa: B006
    mode: Annotated[
        list[str],
        _choice(_MODES, "inline (on the event loop) or threaded; repeatable.  [default: both]"),
    ] = list(_MODES),  # noqa: B006
    seconds: Seconds = 2.0,
    pace: Annotated[
        float,
        options.measurement_option(
            metavar="FACTOR", min=0.1, help="Push at this many times real time."
        ),
    ] = 10.0,
    runs: Runs = 3,
    warmup: Warmup = 1,
    json_: options.JsonObject = False,
    quiet: options.ResultsOnly = False,
) -> None:
    """Measure the stream encoder: the cost of a push, and when pages are emitted.

    Pushes speech-like audio, 24 kHz mono, into AudioStreamEncoder as a voice agent
    would. Exits with 0 if every run succeeded.
    """
    from voicecli.bench.components import encode as bench  # noqa: PLC0415  numpy, av

    settings = bench.EncodeSettings(duration_s=seconds, pace=pace)
    cases = bench.cases(formats, frame_ms, mode, settings)
    run_benchmark(bench, cases, settings, runs=runs, warmups=warmup, json_=json_, quiet=quiet)


@_command(epilog=DECODE_EXAMPLES, short_help="For developers: measure the stream decoder.")
def decode(
    formats: Formats = list(completion.FORMATS),  # noqa: B006
    chunk: Annotated[
        list[int],
        options.measurement_option(
            metavar="BYTES", min=1, help="Size of the pushed chunks; repeatable."
        ),
    ] = [1 << 10, 1 << 12, 1 << 16],  # noqa: B006
    seconds: Seconds = 10.0,
    rate: Annotated[
        int | None,
        options.measurement_option(
            metavar="HZ",
            min=4000,
            max=384_000,
            help="Resample to this rate.  [default: the stream's own, 24000]",
        ),
    ] = None,
    runs: Runs = 5,
    warmup: Warmup = 1,
    json_: options.JsonObject = False,
    quiet: options.ResultsOnly = False,
) -> None:
    """Measure the stream decoder: throughput, cost of a push, first frame.

    Pushes clips as made by `voicecli bench encode`, as fast as they are accepted.
    Exits with 0 if every run succeeded.
    """
    from voicecli.bench.components import decode as bench  # noqa: PLC0415  numpy, av

    settings = bench.DecodeSettings(duration_s=seconds, to_rate_hz=rate)
    cases = bench.cases(formats, chunk, settings)
    run_benchmark(bench, cases, settings, runs=runs, warmups=warmup, json_=json_, quiet=quiet)


@_command(epilog=SOURCE_EXAMPLES, short_help="For developers: measure the paced source.")
def source(
    queue_ms: Annotated[
        list[int],
        options.measurement_option(
            metavar="MS", min=0, max=600_000, help="Length of the queue; repeatable."
        ),
    ] = [0, 100, 1000],  # noqa: B006
    frame_ms: FramesMs = [20],  # noqa: B006
    producer: Annotated[
        list[str],
        _choice(_PRODUCERS, "fast, or real-time (with jitter); repeatable.  [default: both]"),
    ] = list(_PRODUCERS),  # noqa: B006
    seconds: Seconds = 2.0,
    device: Annotated[
        str,
        options.measurement_option(
            metavar="NAME",
            autocompletion=completion.devices,
            help="Sound device, or `default`; `null` plays silently, in real time.",
        ),
    ] = NULL_DEVICE,
    runs: Runs = 2,
    warmup: Warmup = 0,
    json_: options.JsonObject = False,
    quiet: options.ResultsOnly = False,
) -> None:
    """Measure the paced source: how long producers wait, and whether sound is late.

    Runs in real time. Exits with 6 if there is no usable device.
    """
    from voicecli.bench.components import source as bench  # noqa: PLC0415  numpy

    settings = bench.SourceSettings(duration_s=seconds, device=device)
    cases = bench.cases(queue_ms, frame_ms, producer, settings)
    run_benchmark(bench, cases, settings, runs=runs, warmups=warmup, json_=json_, quiet=quiet)


@_command(epilog=POLICY_EXAMPLES, short_help="Compare --buffer-ms by simulation.")
def policy(
    server: Annotated[
        list[str] | None,
        options.measurement_option(
            metavar="NAME",
            help="Kind of server, as in the first column; repeatable.  [default: all]",
        ),
    ] = None,
    traces: Annotated[
        int, options.measurement_option(metavar="N", min=1, help="Answers per kind.")
    ] = 200,
    seed: Annotated[int, options.measurement_option(metavar="N", help="Seed of the answers.")] = 1,
    json_: options.JsonObject = False,
    quiet: options.ResultsOnly = False,
) -> None:
    """Compare --buffer-ms values by simulation: time to first sound, and gaps.

    Simulates answers of several kinds of servers with fixed buffers and with `auto`,
    on its first run and after several.
    """
    from voicecli.bench.components import policy as bench  # noqa: PLC0415

    servers = options.one_of(*bench.SERVERS)(server or list(bench.SERVERS))
    settings = bench.PolicySettings(traces=traces, seed=seed)
    cases = bench.cases(servers, settings)
    run_benchmark(bench, cases, settings, runs=1, warmups=0, json_=json_, quiet=quiet)
