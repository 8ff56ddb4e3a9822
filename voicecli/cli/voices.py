"""``voicecli voices``: list the voices of an endpoint."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from voicecli.cli import options
from voicecli.cli.output import print_json, print_message, print_table
from voicecli.config.endpoint import Endpoint, EndpointChoice, resolve_endpoint
from voicecli.config.file import find_config
from voicecli.config.protocols import REALTIME

if TYPE_CHECKING:
    from voicecli.sources.voices import VoiceInfo

EXAMPLES = """Examples:
  voicecli voices
  voicecli voices --base-url http://localhost:8880/v1
  voicecli voices --base-url builtin --json
"""


def voices(
    base_url: options.BaseUrl = None,
    profile: options.ProfileName = None,
    timeout: options.Timeout = 10.0,
    json_: options.JsonArray = False,
) -> None:
    """List the voices of an endpoint; `*` marks the one that `say` uses by default.

    The endpoint is selected as for `voicecli say`. Servers are asked for
    /audio/voices, then for /voices. api.openai.com has no such list, so its
    documented voices are listed.
    """
    config = find_config(os.environ)
    choice = EndpointChoice(base_url=base_url, profile=profile)
    endpoint = resolve_endpoint(choice, os.environ, config)
    if not json_:
        print_message(f"voices of {endpoint.label} ({endpoint.reason})")
        for warning in endpoint.warnings:
            print_message(f"warning: {warning}")
    found = _voices(endpoint, timeout)
    if json_:
        print_json([voice.to_json() | {"default": voice.id == endpoint.voice} for voice in found])
    else:
        print_table([_row(voice, endpoint.voice) for voice in found])


def _voices(endpoint: Endpoint, timeout_s: float) -> list[VoiceInfo]:
    from voicecli.sources.voices import (  # noqa: PLC0415  urllib, and numpy for the built-in ones
        builtin_voices,
        openai_voices,
        server_voices,
    )

    if endpoint.base_url is None:
        return builtin_voices()
    if endpoint.is_openai:
        return openai_voices(is_realtime=endpoint.protocol == REALTIME)
    return server_voices(endpoint.server, timeout_s=timeout_s)


def _row(voice: VoiceInfo, default: str) -> tuple[str, str, str, str, str]:
    mark = "*" if voice.id == default else " "
    return mark, voice.id, voice.name or "", voice.language or "", voice.note or ""
