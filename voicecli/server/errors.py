"""Error responses in the shape of OpenAI's API.

SDKs read ``message``, ``type``, ``param`` and ``code``, and decide by the status
whether to retry::

    {"error": {"message": "...", "type": "invalid_request_error",
               "param": "speed", "code": "decimal_above_max_value"}}
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.exceptions import HTTPException

_TYPES = {429: "rate_limit_error", 500: "server_error", 503: "server_error"}
_CODES = {404: "not_found", 405: "method_not_allowed"}


@dataclass(eq=False)
class ApiError(Exception):
    """A request that gets an error response.

    ``param`` names the field at fault, if there is one; ``code`` is the stable
    name of the error; ``headers`` are added to the response.
    """

    status: int
    message: str
    _: KW_ONLY
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the body of the response."""
        kind = _TYPES.get(self.status, "invalid_request_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error}

    def response(self) -> JSONResponse:
        """Return the response."""
        return JSONResponse(self.to_json(), self.status, self.headers)


def routing_error(error: HTTPException, method: str, path: str) -> ApiError:
    """Return the error for an unknown path, or a method that the path does not allow."""
    if error.status_code == 405:  # noqa: PLR2004  Method Not Allowed
        allowed = ", ".join(sorted((error.headers or {})["Allow"].split(", ")))
        message = f"{path} does not allow {method}, only {allowed}"
        if method == "OPTIONS":  # as a browser asks before a page's request
            message += "; web pages need `voicecli serve --cors ORIGIN`"
        return ApiError(405, message, code=_CODES[405], headers={"Allow": allowed})
    hint = "base URLs end in /v1" if path == "/audio/speech" else "/openapi.json lists the paths"
    message = f"nothing at {path}; {hint}"
    return ApiError(error.status_code, message, code=_CODES.get(error.status_code))
