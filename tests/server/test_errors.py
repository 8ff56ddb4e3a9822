from __future__ import annotations

import json

import pytest
from starlette.exceptions import HTTPException

from voicecli.server.errors import Refusal, defect, of_routing


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (500, "server_error")],
)
def test_the_shape_is_openais(status, kind):
    refusal = Refusal(status, "no", param="input", code="because", headers={"Retry-After": "1"})
    response = refusal.response()
    assert response.status_code == status
    assert response.headers["retry-after"] == "1"
    assert json.loads(bytes(response.body)) == {
        "error": {"message": "no", "type": kind, "param": "input", "code": "because"}
    }


def test_a_wrong_method_is_told_the_right_ones():
    refusal = of_routing(HTTPException(405, headers={"Allow": "HEAD, GET"}), "PUT", "/health")
    assert refusal.status == 405
    assert refusal.headers == {"Allow": "GET, HEAD"}
    assert "PUT, only GET, HEAD" in refusal.message


def test_an_unknown_path_is_told_where_the_known_ones_are():
    refusal = of_routing(HTTPException(404), "GET", "/nope")
    assert (refusal.status, refusal.code) == (404, "not_found")
    assert "/openapi.json" in refusal.message


def test_a_defect_tells_nothing_of_itself():
    assert defect().to_json()["error"]["type"] == "server_error"
