"""What to say and how: one utterance, as every source takes it."""

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
    """One utterance.

    ``speed`` is a factor (1.0 is the voice's own pace); None leaves it out of
    the request. ``extra_body`` holds further fields for servers that want them
    (``{"stream": True}``) and wins over the fields made from the others.
    """

    text: str
    voice: str
    model: str
    response_format: str
    speed: float | None = None
    instructions: str | None = None
    extra_body: Mapping[str, object] = field(default_factory=_nothing)
