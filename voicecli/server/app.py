"""The web application of ``voicecli serve``: its options, its routes and its middleware."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from voicecli.server.answer import SpeechEndpoint
from voicecli.server.concurrency import ConcurrencyLimit
from voicecli.server.errors import ApiError, routing_error
from voicecli.server.fault_injection import FaultPlan
from voicecli.server.middleware import AccessMiddleware
from voicecli.server.openapi import openapi
from voicecli.server.schema import speech_model

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from voicecli.server.catalogue import Catalogue
    from voicecli.server.openapi import JsonObject
    from voicecli.sources.voicecache import VoiceCache


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
    """Settings of the application.

    - ``api_key``: the key that clients must send, None for none.
    - ``cors_origins``: the origins whose web pages may use the server; ``*`` for all.
    - ``max_concurrency``: how many requests synthesize at once.
    - ``queue``: how many further requests may be open; more get 429.
    - ``queue_s``: how long a request may wait for its first sentence before it gets 429.
    - ``faults``: the faults to inject into each response.
    """

    api_key: str | None = None
    cors_origins: tuple[str, ...] = ()
    max_concurrency: int = 4
    queue: int = 64
    queue_s: float = 120.0
    faults: FaultPlan = field(default_factory=FaultPlan)


def make_app(
    catalogue: Catalogue,
    voices: VoiceCache,
    options: AppOptions,
    *,
    log_access: Callable[[str], None],
    log: Callable[[str], None],
    on_error: Callable[[Exception], None],
) -> ASGIApp:
    """Return the whole server as an ASGI application.

    Args:
        catalogue: the voices on offer.
        voices: loads voices, on first use, and keeps them.
        options: the settings.
        log_access: called on the event loop with a line for each request.
        log: called with other lines for the server's operator.
        on_error: called with unexpected exceptions.
    """
    model = speech_model(catalogue)
    limit = ConcurrencyLimit(options.max_concurrency, options.queue, options.queue_s)
    endpoint = SpeechEndpoint(model, voices, limit, options.faults, log)
    document = openapi(model, has_key=options.api_key is not None)

    def health() -> JsonObject:
        return {"status": "ok", "busy": limit.open, "max_concurrency": limit.slots}

    app = Starlette(
        routes=[
            Route("/v1/audio/speech", endpoint, methods=["POST"]),
            _json_route("/v1/audio/voices", catalogue.voices_json),
            _json_route("/v1/models", catalogue.models_json),
            _json_route("/v1/models/{name:path}", catalogue.model_json),
            _json_route("/health", health),
            _json_route("/openapi.json", lambda: document),
        ],
        exception_handlers={ApiError: _error_response, HTTPException: _error_response},
    )
    app.router.redirect_slashes = False
    guarded = AccessMiddleware(app, options.api_key, log_access, on_error)
    return _with_cors(guarded, options.cors_origins) if options.cors_origins else guarded


def _with_cors(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Let web pages of these origins use the server; preflight requests need no key."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST"),
        allow_headers=("*",),  # SDKs send headers of their own
        allow_private_network=True,
        expose_headers=("X-Sample-Rate", "X-Channels", "Retry-After"),
    )


def _json_route(path: str, content: Callable[..., JsonObject]) -> Route:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(content(**request.path_params))

    return Route(path, endpoint)


async def _error_response(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        error = routing_error(error, request.method, request.url.path)
    assert isinstance(error, ApiError)
    return error.response()
