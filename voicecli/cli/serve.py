"""``voicecli serve``: the built-in voice for every client of OpenAI's speech API."""

from __future__ import annotations

import gc
import os
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import options
from voicecli.cli.option_values import MAX_PORT, web_origins
from voicecli.cli.output import internal_error, print_error, print_json, print_message
from voicecli.errors import ConfigError, ExitStatus
from voicecli.sanitize import clean

if TYPE_CHECKING:
    import socket

    from voicecli.server.app import AppOptions

DEFAULT_PORT = 8880
_MAX_CONCURRENCY = 40  # anyio's pool of worker threads

FAULT_INJECTION = "Fault injection"

_fault_option = partial(typer.Option, rich_help_panel=FAULT_INJECTION)

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
            help="Address to listen on; one that other machines can reach needs --api-key-env.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=MAX_PORT, help="Port to listen on; 0 picks a free one."
        ),
    ] = DEFAULT_PORT,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            metavar="VAR", help="Environment variable with the key that clients must send."
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            callback=web_origins,
            help="Origin whose web pages may use the server, such as https://app.example; "
            "* for every one. Repeatable.",
        ),
    ] = None,
    max_concurrency: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=_MAX_CONCURRENCY,
            help="Sentences synthesized at once.  [default: one per processor]",
        ),
    ] = None,
    queue: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Further requests that may be open; more get status 429."
        ),
    ] = 64,
    queue_s: Annotated[
        float,
        typer.Option(
            metavar="S", min=0.0, help="Longest wait for the first sentence, then status 429."
        ),
    ] = 120.0,
    grace: Annotated[
        int,
        typer.Option(metavar="S", min=0, help="How long responses may take to finish on shutdown."),
    ] = 10,
    until_eof: Annotated[
        bool,
        typer.Option(
            "--until-eof",
            help="Shut down at the end of standard input, when the program that holds it exits.",
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Accept only the exact names of our and OpenAI's voices and models."
        ),
    ] = False,
    no_warm: Annotated[
        bool,
        typer.Option("--no-warm", help="Load the voice on the first request instead of at start."),
    ] = False,
    ttfb_ms: Annotated[
        float, _fault_option(metavar="MS", min=0.0, help="Wait before each response.")
    ] = 0.0,
    pace: Annotated[
        float | None,
        _fault_option(
            metavar="FACTOR", min=0.001, help="Send audio at this multiple of real time."
        ),
    ] = None,
    jitter_ms: Annotated[
        float, _fault_option(metavar="MS", min=0.0, help="Delay each write by up to this much.")
    ] = 0.0,
    stall_at: Annotated[
        float | None,
        _fault_option(metavar="S", min=0.0, help="Stop sending before this second of audio."),
    ] = None,
    stall_ms: Annotated[
        float | None,
        _fault_option(metavar="MS", min=0.0, help="Continue after this long.  [default: never]"),
    ] = None,
    cut_at: Annotated[
        float | None,
        _fault_option(
            metavar="S", min=0.0, help="Close the connection before this second of audio."
        ),
    ] = None,
    chunk: Annotated[
        int | None, _fault_option(metavar="BYTES", min=1, help="Size of the writes.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the address as JSON on standard output.")
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Serve the built-in voice through OpenAI's speech API.

    POST /v1/audio/speech, GET /v1/audio/voices, /v1/models, /health and
    /openapi.json. Clients of OpenAI's speech API or of Kokoro work unchanged, with any
    key and their names of models and voices. Ctrl-C or SIGTERM lets responses in
    progress finish; a second one exits at once.
    """
    if stall_ms is not None and stall_at is None:
        raise typer.BadParameter("--stall-ms requires --stall-at S")
    key = _key(api_key_env)
    if until_eof:
        from voicecli.server.parent_watch import terminate_on_eof  # noqa: PLC0415  threading

        terminate_on_eof()
    from voicecli.server.app import AppOptions  # noqa: PLC0415
    from voicecli.server.fault_injection import FOREVER, FaultPlan  # noqa: PLC0415
    from voicecli.server.listen import bind  # noqa: PLC0415  uvicorn and starlette

    faults = FaultPlan(
        ttfb_s=ttfb_ms / 1e3,
        pace=pace,
        jitter_s=jitter_ms / 1e3,
        stall_at_s=stall_at,
        stall_s=FOREVER if stall_ms is None else stall_ms / 1e3,
        cut_at_s=cut_at,
        chunk_bytes=chunk,
    )
    app_options = AppOptions(
        api_key=key,
        cors_origins=tuple(cors or ()),
        max_concurrency=max_concurrency or min(os.cpu_count() or 1, _MAX_CONCURRENCY),
        queue=queue,
        queue_s=queue_s,
        faults=faults,
    )
    with bind(host, port, has_key=key is not None) as listening:
        finished = _serve(
            listening,
            app_options,
            grace_s=grace,
            strict=strict,
            warm_up=not no_warm,
            json_=json_,
            quiet=quiet,
        )
    raise typer.Exit(ExitStatus.OK if finished else ExitStatus.INTERRUPTED)


def _serve(
    listening: socket.socket,
    app_options: AppOptions,
    *,
    grace_s: int,
    strict: bool,
    warm_up: bool,
    json_: bool,
    quiet: bool,
) -> bool:
    from voicecli.server import catalogue, listen, speech  # noqa: PLC0415  numpy
    from voicecli.server.app import make_app  # noqa: PLC0415
    from voicecli.sources import voicememory  # noqa: PLC0415  used with the built-in voice only
    from voicecli.sources.voicecache import VoiceCache  # noqa: PLC0415
    from voicecli.sources.voicenames import DEFAULT_VOICE  # noqa: PLC0415

    voicememory.limit_heaps()
    installed = catalogue.installed(strict=strict)
    voices = VoiceCache()
    if warm_up:
        speech.warm_up(voices, DEFAULT_VOICE)
    app = make_app(
        installed,
        voices,
        app_options,
        log_access=_ignore if quiet else print_message,
        log=print_message,
        on_error=_print_internal_error,
    )
    url = listen.url_of(listening)

    def on_ready() -> None:
        voicememory.return_unused()
        gc.freeze()  # modules and the voice stay; collect only what requests leave behind
        gc.enable()
        if not quiet:
            print_message(f"serving {url} (Ctrl-C to stop)")
        if json_:
            port = listening.getsockname()[1]
            print_json({"event": "serving", "url": url, "port": port, "pid": os.getpid()})

    def on_stop() -> None:
        if not quiet:
            print_message("finishing responses in progress (again to exit at once)")

    return listen.serve(
        app, listening, grace_s=grace_s, on_ready=on_ready, on_stop=on_stop, log=print_message
    )


def _key(variable: str | None) -> str | None:
    """Return the key that clients must send; raise `ConfigError` if it is not usable."""
    if variable is None:
        return None
    key = os.environ.get(variable, "")
    if not key.strip() or not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"the variable {clean(variable, 60)} has no usable key",
            remedy="a key is printable ASCII, such as the output of `openssl rand -hex 32`",
        )
    return key.strip()


def _print_internal_error(error: Exception) -> None:
    if os.environ.get("VOICECLI_TRACEBACK"):
        import traceback  # noqa: PLC0415

        traceback.print_exception(error)
    print_error(internal_error(error))


def _ignore(_: str) -> None:
    pass
