"""Ogg Opus to int16, at the requested rate (RFC 7845; packets: RFC 6716)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.audio.pcm import Pcm
from voicecli.codecs.decoding.decoder import PushDecoder
from voicecli.codecs.decoding.ogg import OggDemuxer, Page, codec_of
from voicecli.codecs.decoding.opusformat import OpusHead
from voicecli.codecs.decoding.opuslink import OpusLink
from voicecli.codecs.formats import OPUS_RATES_HZ
from voicecli.errors import CorruptStream, DecodeError, TruncatedStream, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class OpusDecoder(PushDecoder):
    """Ogg Opus of up to eight channels, one stream or a chain; a `Decoder`.

    Multiplexed streams of other codecs are skipped. Lost and damaged pages are
    concealed for as long as their granule positions say, within limits. Memory is the
    chunk fed, one page, one packet, and the samples returned. `UnsupportedFormat` is
    raised for Ogg with another codec, for ambisonics, and for everything if there is no
    libopus.

    Args:
        rate_hz: rate to decode at: 8000, 12000, 16000, 24000 or 48000. Each of them
            decodes every stream; libopus resamples.

    Raises:
        ValueError: another rate.
    """

    def __init__(self, rate_hz: int = 48_000) -> None:
        if rate_hz not in OPUS_RATES_HZ:
            raise ValueError(f"Opus decodes at {OPUS_RATES_HZ}, not at {rate_hz} Hz")
        super().__init__()
        self._rate_hz = rate_hz
        self._demuxer = OggDemuxer()
        self._link: OpusLink | None = None
        self._unsupported: UnsupportedFormat | None = None  # where a link was expected
        self._rejected = 0
        self._decoded = 0
        self._link_cut = False  # a link of the chain had no end
        self._cut_in_first_page = False  # of the next link

    def _push(self, data: bytes) -> Iterator[Pcm]:
        yield from self._process(self._demuxer.feed(data))

    def _finish(self) -> Iterator[Pcm]:
        self._cut_in_first_page = self._demuxer.holds_start_of_new_stream
        yield from self._process(self._demuxer.flush())
        self._leave_link()
        self._check_whole()

    def _check_whole(self) -> None:
        """Raise the fault of the stream as a whole, if it has one."""
        if self._unsupported is not None:
            raise self._unsupported
        if self._link is None:
            raise CorruptStream("there is no Ogg Opus in the stream")
        if self._rejected and not self._decoded:
            raise CorruptStream("no Opus packet of the stream could be decoded")
        if self._link_cut:
            raise TruncatedStream("the Opus stream ends without its last page")
        if self._demuxer.orphaned_pages:
            raise CorruptStream("part of the Ogg stream lost its first page and was not played")
        if self._cut_in_first_page:
            raise TruncatedStream("the Opus stream ends inside the first page of its next part")

    def _process(self, pages: Iterable[Page]) -> Iterator[Pcm]:
        """Route pages to the current link, and render them, also before a fault."""
        try:
            for page in pages:
                if page.first:
                    yield from self._begin(page)
                elif self._link is not None and page.serial == self._link.serial:
                    self._link.add(page)
                    # The trimming of a last page must not affect what follows.
                    if page.last or self._link.queued_frames > self._rate_hz:
                        yield from self._render()
                elif self._unsupported is not None:
                    raise self._unsupported
        except DecodeError:
            yield from self._render()
            raise
        yield from self._render()

    def _begin(self, page: Page) -> Iterator[Pcm]:
        """Examine the first page of a logical stream, and make it the current link if it is Opus.

        First pages side by side are multiplexed streams, of which the first Opus is
        played; one that follows other pages is the next of the chain.
        """
        if self._link is not None and not self._link.started:
            return
        packet = page.packets[0] if page.packets else b""
        codec = codec_of(packet)
        if codec != "Opus":
            if self._unsupported is None and (self._link is None or self._link.ended):
                name = codec or "an unknown codec"
                self._unsupported = UnsupportedFormat(f"{name} in Ogg is not supported, only Opus")
            return
        self._unsupported = None
        yield from self._render()
        self._leave_link()
        self._link = OpusLink(page.serial, OpusHead.parse(packet), self._rate_hz)

    def _leave_link(self) -> None:
        if self._link is not None:
            self._rejected += self._link.rejected
            self._decoded += self._link.decoded
            self._link_cut |= not self._link.ended

    def _render(self) -> Iterator[Pcm]:
        link = self._link
        samples = link.render() if link is not None else None
        if link is not None and samples is not None:
            yield Pcm(samples, self._rate_hz, link.speakers)
