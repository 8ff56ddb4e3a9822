"""What the server says instead of speaking, in the shape of OpenAI's errors.

The shape is that of the API reference's "Error codes"; SDKs read ``message``,
``type``, ``param`` and ``code`` from it, and retry by the status::

    {"error": {"message": "...", "type": "invalid_request_error",
               "param": "speed", "code": "decimal_above_max_value"}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.exceptions import HTTPException

_KINDS = {429: "rate_limit_error", 500: "server_error", 503: "server_error"}
_CODES = {404: "not_found", 405: "method_not_allowed"}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
"""The JSON schema of every refusal."""


class Refusal(Exception):
    """A request that is not answered as it hoped to be.

    ``param`` names the field at fault, where one is; ``code`` is the stable name
    of the fault; ``headers`` go with the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def to_json(self) -> dict[str, Any]:
        """The body of the answer."""
        kind = _KINDS.get(self.status, "invalid_request_error")
        return {
            "error": {
                "message": self.message,
                "type": kind,
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.to_json(), self.status, self.headers)


def of_routing(error: HTTPException, method: str, path: str) -> Refusal:
    """The refusal for a path that is nobody's, or a method that its owner does not take."""
    if error.status_code == 405:  # noqa: PLR2004  Method Not Allowed
        allowed = ", ".join(sorted((error.headers or {})["Allow"].split(", ")))
        message = f"{path} does not take {method}, only {allowed}"
        return Refusal(405, message, code=_CODES[405], headers={"Allow": allowed})
    message = f"there is nothing at {path}; /openapi.json tells what there is"
    return Refusal(error.status_code, message, code=_CODES.get(error.status_code))


def defect() -> Refusal:
    """The answer to a request that met a defect of ours: which one is not the client's to know."""
    return Refusal(500, "the server failed on this request; its own output says how")
