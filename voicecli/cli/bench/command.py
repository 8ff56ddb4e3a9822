"""``voicecli bench``: how a speech server really is, and how fast the parts are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from voicecli.cli import completion, options
from voicecli.cli.bench.components import MEASURING, PARTS, Json, Runs, Warmup, among
from voicecli.cli.help import OUTPUT, SOUND, VOICE, Command, Group, examples

ALL = "all"
DEFAULT_FORMAT = "opus"
_MOST_AT_ONCE = 64

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
for _part in PARTS:
    _register = bench_app.command(
        cls=Command, epilog=examples(_part.examples), short_help=_part.summary
    )
    _register(_part.run)


@bench_app.callback()
def bench(
    ctx: typer.Context,
    formats: Annotated[
        list[str],
        typer.Option(
            "--format",
            metavar="NAME",
            callback=among(*completion.FORMATS, ALL),
            autocompletion=completion.formats,
            rich_help_panel=VOICE,
            help=f"pcm, wav, opus, mp3, aac, flac or `{ALL}`; repeatable.  "
            f"[default: {DEFAULT_FORMAT}]",
            show_default=False,
        ),
    ] = [DEFAULT_FORMAT],  # noqa: B006  typer copies it
    base_url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            autocompletion=completion.base_urls,
            rich_help_panel=VOICE,
            help="OpenAI-compatible server, or `builtin`; repeatable, to see them side by side.",
        ),
    ] = None,
    profile: options.ProfileName = None,
    model: options.Model = None,
    voice: options.VoiceName = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="TEXT", rich_help_panel=VOICE, help="What is spoken."),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=VOICE,
            help="A text a line; each run speaks the next. `-` is standard input.",
        ),
    ] = None,
    runs: Runs = 10,
    warmup: Warmup = 1,
    concurrency: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=_MOST_AT_ONCE,
            rich_help_panel=MEASURING,
            help="Requests at once, in every run.",
        ),
    ] = 1,
    cold: Annotated[
        bool,
        typer.Option(
            "--cold",
            rich_help_panel=MEASURING,
            help="A new process for every run: what a person at a prompt waits.",
        ),
    ] = False,
    baseline: Annotated[
        bool,
        typer.Option(
            "--baseline",
            rich_help_panel=MEASURING,
            help="Beside each, the usual way: fetch in gulps of 32 KiB, decode the whole, play.",
        ),
    ] = False,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="PROFILE",
            autocompletion=completion.networks,
            rich_help_panel=MEASURING,
            help="Behind such a network: wifi, lte, 3g, train, satellite, or as in "
            "latency=80,jitter=20,down=2000,stall=5000/400.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=completion.devices,
            rich_help_panel=SOUND,
            help="Sound device, or `default`; `null` plays nothing, at the pace of sound.  "
            "[default: default, or null where there is none]",
        ),
    ] = None,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            rich_help_panel=SOUND,
            help="On an ideal device, without waiting for sound to be over.",
        ),
    ] = False,
    buffer_ms: Annotated[
        Any,
        typer.Option(
            metavar="MS",
            parser=options.buffer,
            rich_help_panel=SOUND,
            help="As for `voicecli say`, but nothing is learned from one run to the next.  "
            "[default: auto]",
        ),
    ] = None,
    volume: options.Volume = None,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=MEASURING,
            help="Write a trace of every answer, with its audio, into DIR.",
        ),
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=MEASURING,
            help="Play a trace instead of asking a server; repeatable.",
        ),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIMIT",
            rich_help_panel=OUTPUT,
            help='Exit with 8 where it holds, as in "ttfa_p95>400ms" or "gaps>0"; repeatable.',
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=OUTPUT,
            help="Compare with an earlier --json; exit with 8 where something became worse.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=OUTPUT, help="Write a page with figures, as .html."
        ),
    ] = None,
    json_: Json = False,
    csv: Annotated[
        bool,
        typer.Option("--csv", rich_help_panel=OUTPUT, help="Print a line for each metric, as CSV."),
    ] = False,
    quiet: options.Quiet = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            rich_help_panel=OUTPUT,
            help="Print a second table, with what the first leaves out.",
        ),
    ] = False,
) -> None:
    """Measure a speech server, as it is heard.

    Without a subcommand: requests speech, plays it, and tells when it was heard
    and whether it had gaps. The server is chosen as for `voicecli say`; where none is
    set, one of our own is started for the built-in voice. Cases take turns, run
    by run. Exits with 0 where every run went well, with the status of the first
    that did not, or with 8 where --fail-if or --compare has something to say.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    from voicecli.cli.bench.options import BenchOptions  # noqa: PLC0415  as above
    from voicecli.cli.bench.run import run_bench  # noqa: PLC0415  session, numpy

    wishes = BenchOptions(
        formats=completion.FORMATS if ALL in formats else tuple(dict.fromkeys(formats)),
        base_urls=tuple(base_url or ()),
        profile=profile,
        model=model,
        voice=voice,
        text=text,
        texts=texts,
        runs=runs,
        warmups=warmup,
        concurrency=concurrency,
        cold=cold,
        baseline=baseline,
        network=network,
        device=device,
        simulate=simulate,
        buffer_ms=buffer_ms,
        volume=volume,
        record=record,
        replay=tuple(replay or ()),
        fail_if=tuple(fail_if or ()),
        compare=compare,
        report=report,
        json=json_,
        csv=csv,
        quiet=quiet,
        verbose=verbose,
    )
    raise typer.Exit(run_bench(wishes))


def _refuse_options(ctx: typer.Context) -> None:
    """Options before a subcommand would do nothing, which nobody who gives them expects."""
    for param in ctx.command.params:
        source: Any = ctx.get_parameter_source(param.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"{param.opts[0]} belongs behind {ctx.invoked_subcommand}, if that knows it"
            )
