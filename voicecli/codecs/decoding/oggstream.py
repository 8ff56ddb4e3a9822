"""State of one logical Ogg stream: pages missing, and the packet that is incomplete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.codecs.decoding.oggpage import CONTINUED

if TYPE_CHECKING:
    from voicecli.codecs.decoding.oggpage import PageHeader

_MAX_PACKET_BYTES = 1 << 16
"""Longer packets are cut: audio packets are far shorter, comment headers are not read."""

_HALF_OF_ALL_SEQUENCES = 1 << 31
SEQUENCE_MASK = 0xFFFFFFFF


@dataclass(slots=True)
class LogicalStream:
    """What is remembered of a logical stream between its pages.

    ``lost`` counts pages known to be missing and not yet reported.
    """

    next_sequence: int
    lost: int = 0
    _partial: bytes | None = None  # the packet that the next page continues

    def expects(self, page: PageHeader) -> bool:
        """Tell whether this is the next page, with nothing missing before it."""
        return self.next_sequence == page.sequence and not self.lost

    def begin_page(self, page: PageHeader, packets: list[bytes]) -> None:
        """Count what is missing before a page; complete the packet that it continues.

        ``packets`` are the available packets that end on the page. The first is
        removed if its beginning is missing.
        """
        missing = (page.sequence - self.next_sequence) & SEQUENCE_MASK
        if missing < _HALF_OF_ALL_SEQUENCES:  # otherwise the numbers went back: no known loss
            self.lost += missing
        self.next_sequence = (page.sequence + 1) & SEQUENCE_MASK
        partial, continued = self._partial, bool(page.flags & CONTINUED)
        if missing or not continued:
            self._partial = None
        if packets and continued:
            if missing or partial is None:
                del packets[0]  # its beginning is missing
            else:
                packets[0] = (partial + packets[0])[:_MAX_PACKET_BYTES]
                self._partial = None

    def hold_tail(self, page: PageHeader, tail: bytes) -> None:
        """Remember the bytes after the last packet that ends on a page, to be continued."""
        if page.ends or not page.flags & CONTINUED:
            self._partial = tail
        elif self._partial is not None:
            self._partial = (self._partial + tail)[:_MAX_PACKET_BYTES]
