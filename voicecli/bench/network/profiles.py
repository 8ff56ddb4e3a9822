"""Networks between a listener and a speech server: named profiles, or figures of one's own.

There is no figure for packet loss. TCP hides it: lost bytes are sent again while everything
behind them waits. What an application sees of loss, of a handover between cells or of a
tunnel is a stall.

Also left out: TCP's slow start (a server's first 14 KB leave at once in any case, RFC 6928,
and speech needs little more than that in a round trip), the 3 % of the bandwidth that
headers take, and other traffic on the link.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.errors import ConfigError
from voicecli.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_MS = 60_000.0
_MAX_KBIT_S = 10_000_000.0
_MAX_BETWEEN_MS = 86_400_000.0
_EXAMPLE = "latency=80,jitter=20,down=2000,up=500,stall=5000/400"


@dataclass(frozen=True, slots=True)
class Network:
    """What a link does to the bytes that cross it, alike in both directions.

    - ``latency_ms``: delay one way; ``ping`` shows twice that.
    - ``jitter_ms``: the most that is added to it, one way. The delay is uniform
      from 0 to this, and changes 20 times a second.
    - ``down_kbit_s``, ``up_kbit_s``: bandwidth in 1000 bit/s towards the
      listener and towards the server; None is unlimited.
    - ``stall_every_ms``, ``stall_ms``: mean time from the end of a stall to the
      beginning of the next, and its mean length; None and 0 without stalls. Both
      times are exponential, so the link is a two-state Markov chain: Gilbert's
      model (Bell System Technical Journal 39, 1960) in continuous time. A stall
      stops both directions at once.

    Raises:
        ValueError: a figure is not a number or out of range.
    """

    name: str
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    down_kbit_s: float | None = None
    up_kbit_s: float | None = None
    stall_every_ms: float | None = None
    stall_ms: float = 0.0

    def __post_init__(self) -> None:
        _check("latency", self.latency_ms, 0, _MAX_MS, "ms")
        _check("jitter", self.jitter_ms, 0, _MAX_MS, "ms")
        for key, kbit_s in (("down", self.down_kbit_s), ("up", self.up_kbit_s)):
            if kbit_s is not None:
                _check(key, kbit_s, 1, _MAX_KBIT_S, "kbit/s")
        if (self.stall_every_ms is None) != (self.stall_ms == 0):
            raise ValueError("stall needs both the time between two and their length")
        if self.stall_every_ms is not None:
            _check("stall's time between two", self.stall_every_ms, 1, _MAX_BETWEEN_MS, "ms")
            _check("stall's length", self.stall_ms, 1, _MAX_MS, "ms")


def _check(key: str, value: float, low: float, high: float, unit: str) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{key} must be from {low:.0f} to {high:.0f} {unit}, not {value:g}")


PROFILES: Mapping[str, Network] = {
    network.name: network
    for network in (
        Network("wifi", 2, 8, 30_000, 15_000, stall_every_ms=30_000, stall_ms=250),
        Network("lte", 35, 15, 12_000, 12_000),
        Network("3g", 150, 30, 1600, 768),
        Network("train", 50, 60, 4000, 1500, stall_every_ms=12_000, stall_ms=1200),
        Network("satellite", 315, 20, 18_000, 3000),
    )
}
"""The named networks: the listener's own link, on top of the distance to the server.

Where a source gives a round trip, half of it is the latency.

``wifi``
    At home or in an office, with nobody else near. Bandwidth and latency: the "Wi-Fi"
    of Firefox's list of throttled networks (30/15 Mbit/s, 2 ms). Jitter and
    stalls: Sui et al., "Characterizing and Improving WiFi Latency in Large-Scale
    Operational Networks", MobiSys 2016, where the hop took 3 ms in the median,
    20 ms at the 90th and 250 ms at the 99th percentile. It does not say how often a
    stream meets the latter; 30 s is our guess.
``lte``
    WebPageTest's "LTE": 12 Mbit/s both ways, round trip 70 ms. The jitter is our guess.
``3g``
    WebPageTest's "Mobile 3G": 1.6 Mbit/s down, 768 kbit/s up, round trip 300 ms;
    Lighthouse's "slow 4G" has the same bandwidth at half the round trip. The
    jitter is our guess.
``train``
    What passengers get between two towns. Wang et al., "An Active-Passive
    Measurement Study of TCP Performance over LTE on High-speed Rails",
    arXiv:1812.04823, and Riiser et al., "Commute Path Bandwidth Traces from 3G Networks",
    MMSys 2013, describe it: a handover every few seconds, some of which fail and cost
    TCP's retransmission timeout, and tunnels. The figures are our guess: a stall of
    about a second every 12 s.
``satellite``
    Geostationary: light takes 558 ms for the round trip (RFC 2488, section 2). The
    median that Ookla measured at Viasat in the second quarter of 2021 was 630 ms, with
    18 Mbit/s down and 3 up. The jitter is our guess.
"""


def parse_network(text: str) -> Network:
    """Parse a name or figures such as ``latency=80,jitter=20,down=2000,stall=5000/400``.

    ``latency`` and ``jitter`` are ms one way, ``down`` and ``up`` kbit/s, ``stall`` the
    mean ms between two stalls and, after the slash, their mean length in ms. What is left
    out has no effect. The text becomes the network's name.

    Raises:
        ConfigError: the name is unknown, or a figure is out of range.
    """
    wanted = text.strip().lower()
    if wanted in PROFILES:
        return PROFILES[wanted]
    if "=" not in wanted:
        raise ConfigError(
            f"unknown network {clean(text, 60)!r}",
            remedy=f"one of {', '.join(PROFILES)}, or figures such as {_EXAMPLE}",
        )
    try:
        return Network(clean(wanted, 200), **_figures(wanted))
    except ValueError as error:
        message = f"network {clean(text, 60)!r}: {error}"
        raise ConfigError(message, remedy=f"e.g. {_EXAMPLE}") from None


def _figures(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in text.split(","):
        key, _, value = (part.strip() for part in item.partition("="))
        names = _FIELDS.get(key)
        if names is None:
            raise ValueError(f"{clean(key, 30)!r} is not one of {', '.join(_FIELDS)}")
        if names[0] in found:
            raise ValueError(f"{key} is given twice")
        try:
            found.update(zip(names, map(float, value.split("/")), strict=True))
        except ValueError:
            form = next(part for part in _EXAMPLE.split(",") if part.startswith(key))
            raise ValueError(f"{clean(item, 30)!r} must be of the form {form}") from None
    return found


_FIELDS: Mapping[str, tuple[str, ...]] = {
    "latency": ("latency_ms",),
    "jitter": ("jitter_ms",),
    "down": ("down_kbit_s",),
    "up": ("up_kbit_s",),
    "stall": ("stall_every_ms", "stall_ms"),
}
"""The fields of `Network` behind each key of the text."""
