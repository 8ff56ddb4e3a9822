"""What the TAB key offers: only what is known at once; no server is ever asked.

A completion that fails offers nothing. Words that begin otherwise than what was
typed are left out.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from typer import Context  # noqa: TC002  typer finds the context by its annotation

from voicecli.config.endpoint import BUILTIN, EndpointChoice, resolve_endpoint
from voicecli.config.file import find_config
from voicecli.errors import VoiceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORMATS = ("pcm", "wav", "opus", "mp3", "aac", "flac")

NULL_DEVICE = "null"


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def formats(incomplete: str) -> list[str]:
    """The six formats."""
    return _beginning(incomplete, FORMATS)


def networks(incomplete: str) -> list[str]:
    """The named networks of `voicecli bench`."""
    from voicecli.bench.network.profiles import PROFILES  # noqa: PLC0415  only here

    return _beginning(incomplete, PROFILES)


def profiles(incomplete: str) -> list[str]:
    """The profiles of the configuration file."""
    with contextlib.suppress(VoiceError):
        return _beginning(incomplete, sorted(find_config(os.environ).profiles))
    return []


def base_urls(incomplete: str) -> list[str]:
    """The built-in voice, and the servers of the profiles."""
    urls = {BUILTIN}
    with contextlib.suppress(VoiceError):
        urls |= {p.base_url for p in find_config(os.environ).profiles.values() if p.base_url}
    return _beginning(incomplete, sorted(urls))


def voices(ctx: Context, incomplete: str) -> list[str]:
    """The voices of the endpoint, as far as they are known without asking it."""
    known: set[str] = set()
    with contextlib.suppress(VoiceError):
        config = find_config(os.environ)
        base_url = ctx.params.get("base_url")
        if isinstance(base_url, (list, tuple)):  # `bench` takes several
            base_url = base_url[-1] if base_url else None
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
    return _beginning(incomplete, sorted(known))


def devices(incomplete: str) -> list[str]:
    """The null device, and those that PortAudio knows; it takes a tenth of a second."""
    names = [NULL_DEVICE]
    with contextlib.suppress(VoiceError), _silenced():
        from voicecli.playback.portaudio import list_output_devices  # noqa: PLC0415  loads PortAudio

        names += [device.name for device in list_output_devices()]
    return _beginning(incomplete, names)


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keep what libraries print about missing sound servers out of the line being typed."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  it is no path of anybody's
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
