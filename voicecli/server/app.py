"""The routes, and what each answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from voicecli.server.answer import ConcurrencyLimit, SpeechEndpoint
from voicecli.server.description import describe
from voicecli.server.errors import Refusal, of_routing
from voicecli.server.fault_injection import FaultPlan
from voicecli.server.fields import SpeechFields
from voicecli.server.middleware import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from voicecli.server.catalogue import Catalogue
    from voicecli.sources.voicecache import VoiceCache


def make_app(
    catalogue: Catalogue,
    voices: VoiceCache,
    *,
    api_key: str | None = None,
    max_concurrency: int = 4,
    misbehaviour: FaultPlan | None = None,
    access: Callable[[str], None],
    tell: Callable[[str], None],
    on_defect: Callable[[Exception], None],
) -> ASGIApp:
    """The whole server as an ASGI application.

    Args:
        catalogue: the voices on offer.
        voices: where they are loaded; those that are not yet, load on first use.
        api_key: what clients must show, None for nothing.
        max_concurrency: how many requests are spoken at once; others get 429.
        misbehaviour: how answers go wrong on purpose.
        access: takes one line for each request, on the event loop.
        tell: takes other lines for whoever runs the server.
        on_defect: takes what nobody foresaw.
    """
    fields = SpeechFields(catalogue)
    places = ConcurrencyLimit(max_concurrency)
    endpoint = SpeechEndpoint(fields, voices, places, misbehaviour or FaultPlan(), tell)
    description = describe(fields, has_key=api_key is not None)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "busy": places.taken, "max_concurrency": places.count})

    async def listed_voices(_: Request) -> Response:
        return JSONResponse(catalogue.voices_json())

    async def listed_models(_: Request) -> Response:
        return JSONResponse(catalogue.models_json())

    async def openapi(_: Request) -> Response:
        return JSONResponse(description)

    app = Starlette(
        routes=[
            Route("/v1/audio/speech", endpoint, methods=["POST"]),
            Route("/v1/audio/voices", listed_voices),
            Route("/v1/models", listed_models),
            Route("/health", health),
            Route("/openapi.json", openapi),
        ],
        exception_handlers={Refusal: _refused, HTTPException: _not_routed},
    )
    app.router.redirect_slashes = False  # an API's paths are what they are
    return Guard(app, api_key, access, on_defect)


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refusal.response()


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return of_routing(error, request.method, request.url.path).response()
