"""Shell completion: only values that are known at once; no server is asked.

A completion that fails offers nothing.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from typer import Context  # noqa: TC002  typer finds the context by its annotation

from voicecli.cli.library_output import hidden_library_output
from voicecli.config.endpoint import BUILTIN, EndpointChoice, resolve_endpoint
from voicecli.config.file import find_config
from voicecli.errors import VoiceError
from voicecli.playback.output import NULL_DEVICE

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMATS = ("pcm", "wav", "opus", "mp3", "aac", "flac")
"""The names of `voicecli.codecs.formats.CODECS`, which takes too long to import for ``--help``."""


ALL_FORMATS = "all"
"""Stands for all of them in `voicecli bench`."""


def _matching(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def formats(incomplete: str) -> list[str]:
    """Offer the six formats."""
    return _matching(incomplete, FORMATS)


def when_busy(incomplete: str) -> list[str]:
    """Offer what `--when-busy` takes."""
    return _matching(incomplete, ["queue", "interrupt", "mix", "fail"])


def networks(incomplete: str) -> list[str]:
    """Offer the named networks of `voicecli bench`."""
    from voicecli.bench.network.profiles import PROFILES  # noqa: PLC0415  only here

    return _matching(incomplete, PROFILES)


def profiles(incomplete: str) -> list[str]:
    """Offer the profiles of the configuration file, and the known servers."""
    from voicecli.config.presets import presets  # noqa: PLC0415  only here

    with contextlib.suppress(VoiceError):
        return _matching(incomplete, sorted({*find_config(os.environ).profiles, *presets()}))
    return []


def fallbacks(incomplete: str) -> list[str]:
    """Offer what `--fallback` takes."""
    return sorted({*profiles(incomplete), *_matching(incomplete, [BUILTIN])})


def base_urls(incomplete: str) -> list[str]:
    """Offer the built-in voice and the servers of the profiles."""
    urls = {BUILTIN}
    with contextlib.suppress(VoiceError):
        urls |= {p.base_url for p in find_config(os.environ).profiles.values() if p.base_url}
    return _matching(incomplete, sorted(urls))


def voices(ctx: Context, incomplete: str) -> list[str]:
    """Offer the voices of the endpoint that are known without asking it."""
    known: set[str] = set()
    with contextlib.suppress(VoiceError):
        config = find_config(os.environ)
        base_url = ctx.params.get("base_url")
        if several := ctx.params.get("base_urls"):  # `bench` takes several
            base_url = several[-1]
        choice = EndpointChoice(base_url, ctx.params.get("profile"))
        endpoint = resolve_endpoint(choice, os.environ, config)
        known |= {
            p.voice
            for p in config.profiles.values()
            if p.voice and p.base_url in (None, endpoint.base_url or BUILTIN)
        }
        from voicecli.sources import voices as listed  # noqa: PLC0415  urllib

        if endpoint.is_builtin:
            known |= {voice.id for voice in listed.builtin_voices()}
        elif endpoint.is_openai:
            known |= {voice.id for voice in listed.openai_voices()}
    return _matching(incomplete, sorted(known))


def devices(incomplete: str) -> list[str]:
    """Offer the null device and those that PortAudio lists, which takes 0.1 s."""
    names = [NULL_DEVICE]
    with contextlib.suppress(VoiceError), hidden_library_output():
        from voicecli.playback.portaudio import list_output_devices  # noqa: PLC0415  loads PortAudio

        names += [device.name for device in list_output_devices()]
    return _matching(incomplete, names)
