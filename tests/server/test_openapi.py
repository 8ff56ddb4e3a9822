from __future__ import annotations

import json

from tests.server.fakes import CATALOGUE
from voicecli.server.catalogue import Catalogue
from voicecli.server.openapi import openapi
from voicecli.server.schema import MAX_INPUT, speech_model

MODEL = speech_model(CATALOGUE)
STRICT = speech_model(Catalogue(CATALOGUE.builtin, strict=True))


def responses(document, path="/v1/audio/speech"):
    (operation,) = document["paths"][path].values()
    return operation["responses"]


def test_openapi_has_the_limits():
    schemas = openapi(STRICT, has_key=False)["components"]["schemas"]
    fields = schemas["Speech"]["properties"]
    assert schemas["Speech"]["required"] == ["input"]
    assert (fields["input"]["minLength"], fields["input"]["maxLength"]) == (1, MAX_INPUT)
    speed, null = fields["speed"]["anyOf"]
    assert (speed, null) == (
        {"type": "number", "minimum": 0.25, "maximum": 4.0},
        {"type": "null"},
    )
    formats = fields["response_format"]["anyOf"][0]["enum"]
    assert formats == ["pcm", "wav", "opus", "mp3", "aac", "flac"]
    name, custom, _ = fields["voice"]["anyOf"]
    assert name["enum"] == list(CATALOGUE.names)
    assert custom == {"$ref": "#/components/schemas/CustomVoice"}
    assert schemas["CustomVoice"]["properties"]["id"]["enum"] == name["enum"]


def test_openapi_allows_any_name_unless_strict():
    schemas = openapi(MODEL, has_key=False)["components"]["schemas"]
    for field in ("voice", "model"):
        assert {"type": "string"} in schemas["Speech"]["properties"][field]["anyOf"]


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_of_openapi_resolves():
    document = openapi(MODEL, has_key=True)
    for reference in references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert node["type"] == "object"
    json.dumps(document, allow_nan=False)


def test_openapi_lists_every_content_type():
    assert list(responses(openapi(MODEL, has_key=False))["200"]["content"]) == [
        "audio/pcm;rate=24000;channels=1", "audio/wav", "audio/ogg", "audio/mpeg", "audio/aac",
        "audio/flac", "text/event-stream",
    ]  # fmt: skip


def test_openapi_requires_the_key_if_there_is_one():
    document = openapi(MODEL, has_key=True)
    assert document["security"] == [{"key": []}]
    for path in ("/v1/audio/speech", "/v1/audio/voices", "/v1/models"):
        assert "401" in responses(document, path)
    assert document["paths"]["/health"]["get"]["security"] == []
    assert "401" not in responses(document, "/health")
    without = openapi(MODEL, has_key=False)
    assert "security" not in without
    assert "securitySchemes" not in without["components"]
