from __future__ import annotations

import json

import pytest
from starlette.exceptions import HTTPException

from voicecli.server.errors import ApiError, routing_error


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (500, "server_error")],
)
def test_errors_have_openais_shape(status, kind):
    error = ApiError(status, "no", param="input", code="because", headers={"Retry-After": "1"})
    response = error.response()
    assert response.status_code == status
    assert response.headers["retry-after"] == "1"
    assert json.loads(bytes(response.body)) == {
        "error": {"message": "no", "type": kind, "param": "input", "code": "because"}
    }


def test_the_error_for_a_wrong_method_lists_the_allowed_ones():
    error = routing_error(HTTPException(405, headers={"Allow": "HEAD, GET"}), "PUT", "/health")
    assert error.status == 405
    assert error.headers == {"Allow": "GET, HEAD"}
    assert "PUT, only GET, HEAD" in error.message


def test_the_error_for_an_unknown_path_says_where_paths_are_listed():
    error = routing_error(HTTPException(404), "GET", "/nope")
    assert (error.status, error.code) == (404, "not_found")
    assert "/openapi.json" in error.message
