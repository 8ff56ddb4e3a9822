"""One logical stream of an Ogg file: what of it is missing, and the packet that is half there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.codecs.decoding.oggpage import CONTINUED

if TYPE_CHECKING:
    from voicecli.codecs.decoding.oggpage import PageHeader

_MAX_PACKET_BYTES = 1 << 16
"""Longer packets are cut: audio packets are far shorter, comment headers need no reading."""

_HALF_OF_ALL_SEQUENCES = 1 << 31
_SEQUENCE_MASK = 0xFFFFFFFF


@dataclass(slots=True)
class LogicalStream:
    """What has to be remembered of a logical stream between its pages.

    ``lost`` counts pages known to be missing and not yet told.
    """

    next_sequence: int
    lost: int = 0
    _partial: bytes | None = None  # the packet that the next page continues

    def expects(self, page: PageHeader) -> bool:
        """Whether this is the page that was waited for, with nothing missing before it."""
        return self.next_sequence == page.sequence and not self.lost

    def join(self, page: PageHeader, packets: list[bytes]) -> None:
        """Count what is missing before a page; complete the packet that its first ones continue.

        ``packets`` are those that end on it, as far as they are there. One whose
        beginning is gone is taken out.
        """
        missing = (page.sequence - self.next_sequence) & _SEQUENCE_MASK
        if missing < _HALF_OF_ALL_SEQUENCES:  # else the numbers went back: no loss is known
            self.lost += missing
        self.next_sequence = (page.sequence + 1) & _SEQUENCE_MASK
        partial, continued = self._partial, bool(page.flags & CONTINUED)
        if missing or not continued:
            self._partial = None
        if packets and continued:
            if missing or partial is None:
                del packets[0]  # its beginning is gone
            else:
                packets[0] = (partial + packets[0])[:_MAX_PACKET_BYTES]
                self._partial = None

    def keep(self, page: PageHeader, tail: bytes) -> None:
        """Remember the bytes after the last packet that ends on a page: the next page goes on."""
        if page.ends or not page.flags & CONTINUED:
            self._partial = tail
        elif self._partial is not None:
            self._partial = (self._partial + tail)[:_MAX_PACKET_BYTES]

    def spoil(self, *, is_short: bool) -> None:
        """Note that the page was bad; ``is_short`` where packets of it were not had."""
        self._partial = None
        self.lost = int(is_short)
