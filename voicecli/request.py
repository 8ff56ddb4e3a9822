"""A request for speech, as every source takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def _nothing() -> Mapping[str, object]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A text to speak, and how.

    ``speed`` is a factor; None leaves it out of the request. ``extra_body`` has
    additional fields for the server (``{"stream": True}``), which override the
    others.
    """

    text: str
    voice: str
    model: str
    response_format: str
    speed: float | None = None
    instructions: str | None = None
    extra_body: Mapping[str, object] = field(default_factory=_nothing)
