"""The link in virtual time: what it does to bytes."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.bench.network.profiles import PROFILES, Network
from voicecli.bench.network.shaper import JITTER_HOLD_S, SEGMENT_BYTES, Shaper, Stalls

KBIT_S = 125
STARTS_AT_S = 1000.0
EPSILON_S = 1e-6

networks = st.builds(
    lambda latency, jitter, kbit_s, stall: Network("x", latency, jitter, kbit_s, 1, *stall),
    st.floats(0, 500),
    st.floats(0, 200),
    st.none() | st.floats(1, 1e6),
    st.just((None, 0)) | st.tuples(st.floats(100, 10_000), st.floats(10, 1000)),
)
arrivals = st.lists(st.tuples(st.floats(0, 2), st.integers(0, 16_384)), min_size=1, max_size=40)


def shaper(network, *, seed=0, direction="down"):
    return Shaper(network, direction, seed=seed, starts_at_s=STARTS_AT_S)


class Departure(NamedTuple):
    at_s: float
    size: int


def send(link, at_s, size):
    """Send bytes in chunks, as a pipe does; return their departures."""
    step = link.chunk_bytes
    sizes = [min(step, size - done) for done in range(0, max(1, size), step)]
    return [Departure(link.send(at_s, chunk), chunk) for chunk in sizes]


def sent(link, steps):
    """Send each ``(pause, size)`` as soon as there is room; return ``[(sent at, departures)]``."""
    at_s, out = STARTS_AT_S, []
    for pause_s, size in steps:
        at_s = link.room_at(at_s + pause_s, size)
        out.append((at_s, send(link, at_s, size)))
    return out


def stalls_of(network, *, seed=0, until_s):
    """List when each stall begins and ends."""
    stalls, found, at_s = Stalls(network, seed=seed, starts_at_s=0.0), [], 0.0
    while at_s < until_s:
        stalls.after_work(at_s, 0.0)
        found.append((stalls._begins_at, stalls._ends_at))
        at_s = stalls._ends_at
    return found


class TestAlways:
    @given(networks, arrivals)
    def test_nothing_is_lost_or_reordered(self, network, steps):
        link = shaper(network)
        out = sent(link, steps)
        for (_, size), (_, departures) in zip(steps, out, strict=True):
            assert sum(departure.size for departure in departures) == size
        times = [departure.at_s for _, departures in out for departure in departures]
        assert times == sorted(times)
        assert times[-1] < inf

    @given(networks, arrivals)
    def test_nothing_comes_out_before_the_latency(self, network, steps):
        for at_s, departures in sent(shaper(network), steps):
            assert min(departures).at_s >= at_s + network.latency_ms / 1e3 - EPSILON_S

    @given(networks, arrivals)
    def test_the_bandwidth_is_never_exceeded(self, network, steps):
        """Over any time, no more comes out than fits, plus what jitter held back before."""
        if network.down_kbit_s is None:
            return
        bytes_s = network.down_kbit_s * KBIT_S
        out = [
            departure for _, departures in sent(shaper(network), steps) for departure in departures
        ]
        for first in range(len(out)):
            total = 0
            for last in range(first, len(out)):
                total += out[last].size
                spell_s = out[last].at_s - out[first].at_s + network.jitter_ms / 1e3
                assert total - out[first].size <= bytes_s * (spell_s + EPSILON_S)

    @given(networks, arrivals)
    def test_the_same_seed_gives_the_same_link(self, network, steps):
        assert sent(shaper(network), steps) == sent(shaper(network), steps)

    @given(networks, arrivals)
    def test_the_queue_is_bounded(self, network, steps):
        """No more bytes wait for the link than its queue takes."""
        still = Network("x", 0, 0, network.down_kbit_s, 1, network.stall_every_ms, network.stall_ms)
        link = shaper(still)  # without latency, what has not come out is in the queue
        waiting = []
        for at_s, departures in sent(link, steps):
            waiting = [departure for departure in waiting if departure.at_s > at_s] + departures
            assert sum(departure.size for departure in waiting) <= link.queue_bytes


class TestWithoutLimits:
    def test_bytes_pass_at_once(self):
        for at_s, departures in sent(shaper(Network("x")), [(0.5, 9000)] * 3):
            assert [departure.at_s for departure in departures] == [at_s] * len(departures)

    def test_only_latency_delays(self):
        out = sent(shaper(Network("x", latency_ms=80)), [(0.0, 100), (0.3, 100)])
        assert [p.at_s - at_s for at_s, (p,) in out] == pytest.approx([0.08, 0.08])

    def test_an_empty_packet_takes_as_long_as_a_byte(self):
        network = PROFILES["train"]
        for seed in range(20):
            ((empty,), (byte,)) = (
                send(shaper(network, seed=seed), STARTS_AT_S + 5, size) for size in (0, 1)
            )
            assert empty.size == 0
            assert byte.at_s - empty.at_s <= 1 / (network.down_kbit_s * KBIT_S) + EPSILON_S


class TestBandwidth:
    @pytest.mark.parametrize("kbit_s", [64, 780, 12_000, 400_000])
    def test_the_bandwidth_is_reached(self, kbit_s):
        link = shaper(Network("x", 20, 5, kbit_s))
        seconds = 5
        steps = [(0.0, link.chunk_bytes)] * (kbit_s * KBIT_S * seconds // link.chunk_bytes)
        out = sent(link, steps)
        took_s = out[-1][1][-1].at_s - STARTS_AT_S
        assert took_s == pytest.approx(seconds, rel=0.02)

    def test_each_direction_has_its_own_bandwidth(self):
        network = Network("x", down_kbit_s=1000, up_kbit_s=100)
        took = {
            direction: send(shaper(network, direction=direction), STARTS_AT_S, 1250)[0].at_s
            for direction in ("down", "up")
        }
        assert took == pytest.approx({"down": STARTS_AT_S + 0.01, "up": STARTS_AT_S + 0.1})

    def test_a_large_write_comes_out_gradually(self):
        """64 KB over 2 Mbit/s take a quarter of a second, with something arriving throughout."""
        link = shaper(Network("x", down_kbit_s=2000))
        times = [p.at_s for p in send(link, STARTS_AT_S, link.queue_bytes)]
        steps = [b - a for a, b in pairwise(times)]
        assert max(steps) <= SEGMENT_BYTES / 250_000 + EPSILON_S

    def test_a_full_queue_delays_the_next_write(self):
        link = shaper(Network("x", down_kbit_s=1000))
        full = link.queue_bytes
        send(link, STARTS_AT_S, full)
        free_at = link.room_at(STARTS_AT_S, full)
        assert free_at == pytest.approx(STARTS_AT_S + full / 125_000)
        assert STARTS_AT_S < link.room_at(STARTS_AT_S, 1) < free_at
        assert send(link, free_at, full)[-1].at_s == pytest.approx(STARTS_AT_S + full / 62_500)

    def test_idle_time_is_not_saved_up(self):
        link = shaper(Network("x", down_kbit_s=1000))
        (last,) = send(link, STARTS_AT_S + 60, 1250)
        assert last.at_s == pytest.approx(STARTS_AT_S + 60.01)

    @pytest.mark.parametrize("network", [Network("x"), *PROFILES.values()], ids=lambda n: n.name)
    def test_the_window_keeps_the_link_busy(self, network):
        """The link never idles because one connection may have too little in flight."""
        link = shaper(network)
        assert link.chunk_bytes <= link.queue_bytes <= link.window_bytes <= 4 * 1024 * 1024
        if network.down_kbit_s:
            on_the_way = (
                network.down_kbit_s * KBIT_S * (network.latency_ms + network.jitter_ms) / 1e3
            )
            assert link.window_bytes >= on_the_way + link.queue_bytes


class TestJitter:
    def delays(self, network, *, seed=0, step_s=0.005, count=20_000):
        out = sent(shaper(network, seed=seed), [(step_s, 10)] * count)
        return [departure.at_s - at_s for at_s, (departure,) in out]

    def test_jitter_lies_between_zero_and_its_maximum(self):
        delays = self.delays(Network("x", latency_ms=50, jitter_ms=40))
        assert min(delays) == pytest.approx(0.05, abs=0.001)
        assert max(delays) == pytest.approx(0.09, abs=0.001)

    def test_jitter_is_uniform_if_nothing_waits(self):
        delays = self.delays(Network("x", jitter_ms=40), step_s=2 * JITTER_HOLD_S)
        assert sum(delays) / len(delays) == pytest.approx(0.02, abs=0.0005)

    def test_many_chunks_do_not_turn_jitter_into_latency(self):
        """If each chunk drew its own delay and waited for the others, it would be constant."""
        delays = self.delays(Network("x", jitter_ms=40), step_s=0.001)
        assert sum(delays) / len(delays) < 0.03

    def test_another_seed_gives_another_link(self):
        network = Network("x", jitter_ms=40)
        assert self.delays(network, count=50) != self.delays(network, count=50, seed=1)

    def test_the_directions_differ(self):
        network = Network("x", jitter_ms=40)
        down, up = (
            send(shaper(network, direction=direction), STARTS_AT_S, 1)
            for direction in ("down", "up")
        )
        assert down != up

    def test_jitter_does_not_depend_on_what_was_sent(self):
        """Two runs meet the same link, even if their bytes come in other chunks."""
        network = PROFILES["train"]
        one, other = shaper(network), shaper(network)
        sent(one, [(0.01, 1000)] * 400)
        sent(other, [(0.1, 7)] * 40)
        later = STARTS_AT_S + 100
        assert send(one, later, 5) == send(other, later, 5)


class TestStalls:
    NETWORK = Network("x", stall_every_ms=5000, stall_ms=400)

    def test_stalls_have_the_given_means(self):
        stalls = stalls_of(self.NETWORK, until_s=50_000.0)
        lengths = [end - begin for begin, end in stalls]
        ends = [0.0, *(end for _, end in stalls)]
        pauses = [begin - end for end, (begin, _) in zip(ends, stalls, strict=False)]
        assert sum(pauses) / len(pauses) == pytest.approx(5.0, rel=0.05)
        assert sum(lengths) / len(lengths) == pytest.approx(0.4, rel=0.05)
        assert len(stalls) == pytest.approx(50_000 / 5.4, rel=0.05)

    def test_lengths_are_exponential(self):
        """The spread equals the mean, and e^-1 of them are longer than it."""
        lengths = [end - begin for begin, end in stalls_of(self.NETWORK, until_s=50_000.0)]
        longer = sum(length > 0.4 for length in lengths) / len(lengths)
        assert longer == pytest.approx(0.368, abs=0.03)

    def test_another_seed_gives_other_stalls(self):
        one, other = (stalls_of(self.NETWORK, seed=seed, until_s=10.0) for seed in (0, 1))
        assert one != other

    def test_nothing_leaves_the_link_while_it_stalls(self):
        out = sent(shaper(self.NETWORK), [(0.01, 50)] * 10_000)
        stalls = stalls_of(self.NETWORK, until_s=100.0)
        times = [departure.at_s - STARTS_AT_S for _, (departure,) in out]
        for begin, end in stalls:
            assert not [at for at in times if begin + EPSILON_S < at < end - EPSILON_S]

    def test_bytes_sent_during_a_stall_come_out_together_after_it(self):
        (begin, end), *_ = stalls_of(self.NETWORK, until_s=1.0)
        middle = STARTS_AT_S + (begin + end) / 2
        link = shaper(self.NETWORK)
        times = [send(link, middle + i * 1e-4, 10)[0].at_s for i in range(3)]
        assert times == pytest.approx([STARTS_AT_S + end] * 3)

    def test_work_continues_after_a_stall(self):
        stalls = Stalls(self.NETWORK, seed=0, starts_at_s=0.0)
        (begin, end), *_ = stalls_of(self.NETWORK, until_s=1.0)
        assert stalls.after_work(begin - 0.1, 0.3) == pytest.approx(end + 0.2)

    def test_a_stall_stops_both_directions(self):
        (begin, end), *_ = stalls_of(self.NETWORK, until_s=1.0)
        for direction in ("down", "up"):
            link = shaper(self.NETWORK, direction=direction)
            (departure,) = send(link, STARTS_AT_S + begin + 1e-4, 1)
            assert departure.at_s == pytest.approx(STARTS_AT_S + end)

    def test_stalls_reduce_the_bandwidth(self):
        """The link is up for 5 s of each 5.4 s."""
        network = Network("x", down_kbit_s=1000, stall_every_ms=5000, stall_ms=400)
        link = shaper(network)
        out = sent(link, [(0.0, SEGMENT_BYTES)] * 60_000)
        took_s = out[-1][1][-1].at_s - STARTS_AT_S
        assert 60_000 * SEGMENT_BYTES / took_s == pytest.approx(125_000 * 5 / 5.4, rel=0.03)

    def test_a_network_without_stalls(self):
        stalls = Stalls(Network("x"), seed=0, starts_at_s=0.0)
        assert stalls.after_work(1e6, 3.0) == 1e6 + 3.0
