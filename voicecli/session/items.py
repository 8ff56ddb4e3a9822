"""What passes from the fetching threads to the decoder thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from voicecli.errors import VoiceError
    from voicecli.session.utterance import Utterance
    from voicecli.sources.base import SourceInfo


@dataclass(frozen=True, slots=True)
class UtteranceStart:
    """What follows belongs to this utterance."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class StreamStart:
    """The first item of each answer: what the source knows about its bytes."""

    info: SourceInfo


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The last item of an answer whose bytes all arrived; without it, the stream is broken."""


@dataclass(frozen=True, slots=True)
class StreamBroken:
    """The rest of the utterance could not be fetched, but can perhaps be asked for again."""

    error: VoiceError


@dataclass(frozen=True, slots=True)
class AwaitText:
    """Nothing is left to play until more text is written."""


Item: TypeAlias = UtteranceStart | StreamStart | bytes | StreamEnd | StreamBroken | AwaitText
