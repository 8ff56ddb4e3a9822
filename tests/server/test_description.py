from __future__ import annotations

import json

from tests.server.voices import CATALOGUE
from voicecli.server.description import describe
from voicecli.server.fields import SpeechFields

FIELDS = SpeechFields(CATALOGUE)


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere():
    document = describe(FIELDS, has_key=True)
    for reference in references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert node["type"] == "object"
    json.dumps(document, allow_nan=False)


def test_every_format_is_an_answer():
    answer = describe(FIELDS, has_key=False)["paths"]["/v1/audio/speech"]["post"]["responses"]
    assert list(answer["200"]["content"]) == [
        "audio/pcm;rate=24000;channels=1", "audio/wav", "audio/ogg", "audio/mpeg", "audio/aac",
        "audio/flac", "text/event-stream",
    ]  # fmt: skip


def test_a_key_is_described_where_there_is_one():
    with_key, without = describe(FIELDS, has_key=True), describe(FIELDS, has_key=False)
    for path in ("/v1/audio/speech", "/v1/audio/voices", "/v1/models"):
        (operation,) = with_key["paths"][path].values()
        assert operation["security"] == [{"key": []}]
        assert "401" in operation["responses"]
        (operation,) = without["paths"][path].values()
        assert "security" not in operation
        assert "401" not in operation["responses"]
    assert "security" not in with_key["paths"]["/health"]["get"]
    assert "securitySchemes" not in without["components"]
