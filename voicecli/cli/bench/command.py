"""``voicecli bench``: measure a speech server, and the components on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from voicecli.cli import completion, option_values, options
from voicecli.cli.bench.components import Runs, Warmup, components_app
from voicecli.cli.help import Group

ALL = completion.ALL_FORMATS
DEFAULT_FORMAT = "opus"
_MAX_CONCURRENCY = 64

EPILOG = """Examples:
  voicecli bench --format all
  voicecli bench --base-url http://localhost:8880/v1 --base-url builtin --format opus
  voicecli bench --simulate --runs 50 --json > old.json
  voicecli bench --simulate --runs 50 --compare old.json --fail-if "ttfa_p95>400ms"
  voicecli bench --network train --format pcm --format opus --report report.html
  voicecli bench --record traces && voicecli bench --replay traces/opus-1.jsonl
"""

bench_app = typer.Typer(
    cls=Group,
    invoke_without_command=True,
    rich_markup_mode=None,
    epilog=EPILOG,
)
bench_app.add_typer(components_app)


@bench_app.callback()
def bench(
    ctx: typer.Context,
    formats: Annotated[
        list[str],
        options.format_option(
            "--format",
            metavar="NAME",
            callback=options.one_of(*completion.FORMATS, ALL),
            autocompletion=completion.formats,
            help=f"pcm, wav, opus, mp3, aac, flac or `{ALL}`; repeatable.  "
            f"[default: {DEFAULT_FORMAT}]",
            show_default=False,
        ),
    ] = [DEFAULT_FORMAT],  # noqa: B006  typer copies it
    base_urls: Annotated[
        list[str] | None,
        options.voice_option(
            "--base-url",
            metavar="URL",
            autocompletion=completion.base_urls,
            help="OpenAI-compatible server, or `builtin`; repeatable, to compare servers.",
        ),
    ] = None,
    profile: options.ProfileName = None,
    model: options.Model = None,
    voice: options.VoiceName = None,
    text: Annotated[str | None, options.text_option(metavar="TEXT", help="Text to speak.")] = None,
    texts: Annotated[
        Path | None,
        options.text_option(
            metavar="FILE",
            help="File with one text per line, spoken in turn; `-` is standard input.",
        ),
    ] = None,
    runs: Runs = 10,
    warmups: Warmup = 1,
    concurrency: Annotated[
        int,
        options.measurement_option(
            metavar="N", min=1, max=_MAX_CONCURRENCY, help="Simultaneous requests in each run."
        ),
    ] = 1,
    cold: Annotated[
        bool,
        options.measurement_option(
            "--cold", help="Start a new process for each run, to measure the wait at the prompt."
        ),
    ] = False,
    baseline: Annotated[
        bool,
        options.measurement_option(
            "--baseline",
            help="Also measure the usual way: fetch the whole file, decode it, then play.",
        ),
    ] = False,
    network: Annotated[
        str | None,
        options.measurement_option(
            metavar="PROFILE",
            autocompletion=completion.networks,
            help="Emulate a network: wifi, lte, 3g, train, satellite, or for example "
            "latency=80,jitter=20,down=2000,stall=5000/400.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        options.playback_option(
            metavar="NAME",
            autocompletion=completion.devices,
            help="Sound device, or `default`; `null` plays silently, in real time.  "
            "[default: default, or null if there is none]",
        ),
    ] = None,
    simulate: Annotated[
        bool,
        options.playback_option(
            "--simulate", help="Simulate an ideal device, without waiting for playback."
        ),
    ] = False,
    buffer_ms: Annotated[
        Any,
        options.timing_option(
            metavar="MS",
            parser=option_values.buffer_ms,
            help="As for `voicecli say`, but without learning from earlier runs.  [default: auto]",
        ),
    ] = None,
    volume: options.Volume = None,
    record: Annotated[
        Path | None,
        options.measurement_option(
            metavar="DIR", help="Record a trace of each answer, with its audio, in DIR."
        ),
    ] = None,
    replay: Annotated[
        list[Path] | None,
        options.measurement_option(
            metavar="FILE", help="Replay a trace instead of asking a server; repeatable."
        ),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        options.output_option(
            metavar="LIMIT",
            help='Exit with 8 if this is true, such as "ttfa_p95>400ms" or "gaps>0"; repeatable.',
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        options.output_option(
            metavar="FILE",
            help="Compare with an earlier --json; exit with 8 if anything became worse.",
        ),
    ] = None,
    report: Annotated[
        Path | None, options.output_option(metavar="FILE", help="Write an HTML page with figures.")
    ] = None,
    json: options.JsonObject = False,
    csv: Annotated[
        bool, options.output_option("--csv", help="Print one line per metric, as CSV.")
    ] = False,
    quiet: options.ResultsOnly = False,
    verbose: Annotated[
        bool,
        options.output_option(
            "--verbose", "-v", help="Print a second table, with further metrics."
        ),
    ] = False,
) -> None:
    """Measure a speech server by what a listener hears.

    Requests speech, plays it, and reports when it was heard and whether it had gaps. The
    server is selected as for `voicecli say`; if none is set, a local server with the
    built-in voice is started. Cases take turns, run by run. Exits with 0 if every run
    succeeded, with the status of the first failure, or with 8 if --fail-if or --compare
    finds something. The subcommands measure parts of voicecli, for its developers.
    """
    given = locals()
    if ctx.invoked_subcommand is not None:
        _reject_options(ctx)
        return
    from voicecli.cli.bench.options import BenchOptions  # noqa: PLC0415  numpy, as below
    from voicecli.cli.bench.run import run_bench  # noqa: PLC0415  session, numpy

    bench_options = BenchOptions.of(given)
    raise typer.Exit(run_bench(bench_options))


def _reject_options(ctx: typer.Context) -> None:
    """Reject options before a subcommand, which would have no effect there."""
    for param in ctx.command.params:
        source: Any = ctx.get_parameter_source(param.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"{param.opts[0]} must follow {ctx.invoked_subcommand}, if that has the option"
            )
