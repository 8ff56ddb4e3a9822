"""``voicecli serve``: the built-in voice for everything that speaks OpenAI's API."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import options
from voicecli.cli.output import internal_error, print_error, print_json, print_message
from voicecli.errors import ConfigError, ExitStatus
from voicecli.sanitize import clean

if TYPE_CHECKING:
    import socket

    from voicecli.server.fault_injection import FaultPlan

DEFAULT_PORT = 8880
_MOST_PORT = 65_535
_MOST_PLACES = 40  # what the pool of worker threads has

MISBEHAVING = "Misbehaving on purpose"

EXAMPLES = """Examples:

  voicecli serve

  curl -sN localhost:8880/v1/audio/speech -H 'Content-Type: application/json' \\
    -d '{"input": "Hello there.", "response_format": "opus"}' | ffplay -nodisp -autoexit -

  VOICECLI_SERVER_KEY=... voicecli serve --host 0.0.0.0 --api-key-env VOICECLI_SERVER_KEY

  voicecli serve --port 0 --json --pace 1.15 --jitter-ms 200 --chunk 1024
"""


def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Address to listen on; others than this machine's own need --api-key-env.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=_MOST_PORT, help="0 takes a free one.")
    ] = DEFAULT_PORT,
    api_key_env: Annotated[
        str | None,
        typer.Option(metavar="VAR", help="Environment variable with the key clients must show."),
    ] = None,
    max_concurrency: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=_MOST_PLACES, help="Requests spoken at once; more get 429."
        ),
    ] = 4,
    grace: Annotated[
        int,
        typer.Option(metavar="S", min=0, help="How long answers may take to finish at the end."),
    ] = 10,
    until_eof: Annotated[
        bool,
        typer.Option(
            "--until-eof",
            help="End as with SIGTERM when standard input ends: with the program that holds it.",
        ),
    ] = False,
    no_warm: Annotated[
        bool, typer.Option("--no-warm", help="Load the voice on the first request, not before.")
    ] = False,
    ttfb_ms: Annotated[
        float,
        typer.Option(
            metavar="MS", min=0.0, rich_help_panel=MISBEHAVING, help="Wait before each answer."
        ),
    ] = 0.0,
    pace: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR",
            min=0.001,
            rich_help_panel=MISBEHAVING,
            help="Send sound at this many times real time.",
        ),
    ] = None,
    jitter_ms: Annotated[
        float,
        typer.Option(
            metavar="MS",
            min=0.0,
            rich_help_panel=MISBEHAVING,
            help="Send each piece late by up to this much.",
        ),
    ] = 0.0,
    stall_at: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            min=0.0,
            rich_help_panel=MISBEHAVING,
            help="Stop sending before this second of sound.",
        ),
    ] = None,
    stall_ms: Annotated[
        float | None,
        typer.Option(
            metavar="MS",
            min=0.0,
            rich_help_panel=MISBEHAVING,
            help="Go on after so long.  [default: never]",
        ),
    ] = None,
    cut_at: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            min=0.0,
            rich_help_panel=MISBEHAVING,
            help="Break the connection off before this second of sound.",
        ),
    ] = None,
    chunk: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES", min=1, rich_help_panel=MISBEHAVING, help="Send pieces of this size."
        ),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the address as JSON on standard output.")
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Serve the built-in voice in OpenAI's speech API.

    POST /v1/audio/speech, GET /v1/audio/voices, /v1/models, /health and
    /openapi.json. Any client of OpenAI's speech works with it as it is, whatever
    key, model and voice of OpenAI's it names. Ends with Ctrl-C or SIGTERM, when
    the answers under way are finished; the second one leaves at once.
    """
    key = _key(api_key_env)
    if until_eof:
        from voicecli.server.parent_watch import end_with_input  # noqa: PLC0415  threading

        end_with_input()
    from voicecli.server.fault_injection import FOREVER, FaultPlan  # noqa: PLC0415
    from voicecli.server.listen import bind  # noqa: PLC0415  uvicorn and starlette

    misbehaviour = FaultPlan(
        ttfb_s=ttfb_ms / 1e3,
        pace=pace,
        jitter_s=jitter_ms / 1e3,
        stall_at_s=stall_at,
        stall_s=FOREVER if stall_ms is None else stall_ms / 1e3,
        cut_at_s=cut_at,
        chunk_bytes=chunk,
    )
    with bind(host, port, has_key=key is not None) as listening:
        ended_well = _serve(
            listening,
            key,
            misbehaviour,
            max_concurrency=max_concurrency,
            grace_s=grace,
            warm=not no_warm,
            json_=json_,
            quiet=quiet,
        )
    raise typer.Exit(ExitStatus.OK if ended_well else ExitStatus.INTERRUPTED)


def _serve(
    listening: socket.socket,
    key: str | None,
    misbehaviour: FaultPlan,
    *,
    max_concurrency: int,
    grace_s: int,
    warm: bool,
    json_: bool,
    quiet: bool,
) -> bool:
    from voicecli.server import catalogue, listen, speech  # noqa: PLC0415  starlette, numpy
    from voicecli.server.app import make_app  # noqa: PLC0415
    from voicecli.sources.voicecache import VoiceCache  # noqa: PLC0415

    offered = catalogue.installed()
    voices = VoiceCache()
    if warm:
        speech.warm(voices, offered.default)
    app = make_app(
        offered,
        voices,
        api_key=key,
        max_concurrency=max_concurrency,
        misbehaviour=misbehaviour,
        access=_ignore if quiet else print_message,
        tell=print_message,
        on_defect=_tell_defect,
    )
    url = listen.url_of(listening)

    def on_ready() -> None:
        gc.freeze()  # what is loaded stays; what requests leave behind is collected
        gc.enable()
        if not quiet:
            print_message(f"serving {url} (Ctrl-C ends it)")
        if json_:
            port = listening.getsockname()[1]
            print_json({"event": "serving", "url": url, "port": port, "pid": os.getpid()})

    def on_stop() -> None:
        if not quiet:
            print_message("finishing what is under way (once more ends it at once)")

    return listen.serve(app, listening, grace_s=grace_s, on_ready=on_ready, on_stop=on_stop)


def _key(variable: str | None) -> str | None:
    """The key that clients must show; a `ConfigError` where it was promised and is not there."""
    if variable is None:
        return None
    key = os.environ.get(variable, "")
    if not key.strip() or not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"there is no usable key in the variable {clean(variable, 60)}",
            remedy="a key is printable ASCII, such as `openssl rand -hex 32` makes",
        )
    return key.strip()


def _tell_defect(error: Exception) -> None:
    if os.environ.get("VOICECLI_TRACEBACK"):
        import traceback  # noqa: PLC0415

        traceback.print_exception(error)
    print_error(internal_error(error))


def _ignore(_: str) -> None:
    pass
