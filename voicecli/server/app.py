"""The routes and the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from voicecli.server.answer import SpeechEndpoint
from voicecli.server.errors import ApiError, routing_error
from voicecli.server.fault_injection import FaultPlan
from voicecli.server.middleware import AccessMiddleware
from voicecli.server.schema import openapi, speech_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from voicecli.server.catalogue import Catalogue
    from voicecli.server.schema import JsonObject
    from voicecli.sources.voicecache import VoiceCache


def make_app(
    catalogue: Catalogue,
    voices: VoiceCache,
    *,
    api_key: str | None = None,
    max_concurrency: int = 4,
    faults: FaultPlan | None = None,
    log_access: Callable[[str], None],
    log: Callable[[str], None],
    on_error: Callable[[Exception], None],
) -> ASGIApp:
    """Return the whole server as an ASGI application.

    Args:
        catalogue: the voices on offer.
        voices: loads voices, on first use, and keeps them.
        api_key: the key that clients must send, None for none.
        max_concurrency: how many requests are answered at once; others get 429.
        faults: the faults to inject into each response.
        log_access: called on the event loop with a line for each request.
        log: called with other lines for the server's operator.
        on_error: called with unexpected exceptions.
    """
    model = speech_model(catalogue)
    limiter = anyio.CapacityLimiter(max_concurrency)
    endpoint = SpeechEndpoint(model, voices, limiter, faults or FaultPlan(), log)
    document = openapi(model, has_key=api_key is not None)

    def health() -> JsonObject:
        busy = limiter.borrowed_tokens
        return {"status": "ok", "busy": busy, "max_concurrency": max_concurrency}

    app = Starlette(
        routes=[
            Route("/v1/audio/speech", endpoint, methods=["POST"]),
            _json_route("/v1/audio/voices", catalogue.voices_json),
            _json_route("/v1/models", catalogue.models_json),
            _json_route("/health", health),
            _json_route("/openapi.json", lambda: document),
        ],
        exception_handlers={ApiError: _error_response, HTTPException: _error_response},
    )
    app.router.redirect_slashes = False
    return AccessMiddleware(app, api_key, log_access, on_error)


def _json_route(path: str, content: Callable[[], JsonObject]) -> Route:
    async def endpoint(_: Request) -> Response:
        return JSONResponse(content())

    return Route(path, endpoint)


async def _error_response(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        error = routing_error(error, request.method, request.url.path)
    assert isinstance(error, ApiError)
    return error.response()
