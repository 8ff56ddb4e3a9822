"""The link in virtual time: what it may do to bytes, and what it must not."""

from __future__ import annotations

from itertools import pairwise
from math import inf

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


def shaper(network, *, seed=0, way="down"):
    return Shaper(network, way, seed=seed, starts_at_s=STARTS_AT_S)


def sent(shaped, steps):
    """Send each ``(pause, size)`` as soon as there is room; ``[(sent at, passings)]``."""
    at_s, out = STARTS_AT_S, []
    for pause_s, size in steps:
        at_s = shaped.room_at(at_s + pause_s, size)
        out.append((at_s, shaped.send(at_s, size)))
    return out


def stalls_of(network, *, seed=0, until_s):
    """When each begins and ends."""
    stalls, found, at_s = Stalls(network, seed=seed, starts_at_s=0.0), [], 0.0
    while at_s < until_s:
        stalls.after_work(at_s, 0.0)
        found.append((stalls._begins_at, stalls._ends_at))
        at_s = stalls._ends_at
    return found


class TestAlways:
    @given(networks, arrivals)
    def test_nothing_is_lost_and_nothing_overtakes(self, network, steps):
        shaped = shaper(network)
        out = sent(shaped, steps)
        for (_, size), (_, passings) in zip(steps, out, strict=True):
            assert sum(passing.size for passing in passings) == size
        times = [passing.at_s for _, passings in out for passing in passings]
        assert times == sorted(times)
        assert times[-1] < inf

    @given(networks, arrivals)
    def test_nothing_comes_out_before_the_latency(self, network, steps):
        for at_s, passings in sent(shaper(network), steps):
            assert min(passings).at_s >= at_s + network.latency_ms / 1e3 - EPSILON_S

    @given(networks, arrivals)
    def test_pieces_have_their_size_at_most(self, network, steps):
        shaped = shaper(network)
        for _, passings in sent(shaped, steps):
            assert all(passing.size <= shaped.piece_bytes for passing in passings)

    @given(networks, arrivals)
    def test_the_bandwidth_is_never_exceeded(self, network, steps):
        """Over any time, no more comes out than fits, but for what jitter held back before."""
        if network.down_kbit_s is None:
            return
        bytes_s = network.down_kbit_s * KBIT_S
        out = [passing for _, passings in sent(shaper(network), steps) for passing in passings]
        for first in range(len(out)):
            total = 0
            for last in range(first, len(out)):
                total += out[last].size
                spell_s = out[last].at_s - out[first].at_s + network.jitter_ms / 1e3
                assert total - out[first].size <= bytes_s * (spell_s + EPSILON_S)

    @given(networks, arrivals)
    def test_the_same_seed_is_the_same_link(self, network, steps):
        assert sent(shaper(network), steps) == sent(shaper(network), steps)

    @given(networks, arrivals)
    def test_the_queue_is_bounded(self, network, steps):
        """At no time wait more bytes for the link than its queue takes."""
        still = Network("x", 0, 0, network.down_kbit_s, 1, network.stall_every_ms, network.stall_ms)
        shaped = shaper(still)  # without latency, what has not come out is in the queue
        waiting = []
        for at_s, passings in sent(shaped, steps):
            waiting = [passing for passing in waiting if passing.at_s > at_s] + passings
            assert sum(passing.size for passing in waiting) <= shaped.queue_bytes


class TestWithoutLimits:
    def test_bytes_pass_at_once(self):
        for at_s, passings in sent(shaper(Network("x")), [(0.5, 9000)] * 3):
            assert [passing.at_s for passing in passings] == [at_s] * len(passings)

    def test_only_latency_delays(self):
        out = sent(shaper(Network("x", latency_ms=80)), [(0.0, 100), (0.3, 100)])
        assert [p.at_s - at_s for at_s, (p,) in out] == pytest.approx([0.08, 0.08])

    def test_an_empty_packet_takes_as_long_as_a_byte(self):
        network = PROFILES["train"]
        for seed in range(20):
            ((empty,), (byte,)) = (
                shaper(network, seed=seed).send(STARTS_AT_S + 5, size) for size in (0, 1)
            )
            assert empty.size == 0
            assert byte.at_s - empty.at_s <= 1 / (network.down_kbit_s * KBIT_S) + EPSILON_S


class TestBandwidth:
    @pytest.mark.parametrize("kbit_s", [64, 780, 12_000, 400_000])
    def test_it_is_reached(self, kbit_s):
        shaped = shaper(Network("x", 20, 5, kbit_s))
        seconds = 5
        steps = [(0.0, shaped.piece_bytes)] * (kbit_s * KBIT_S * seconds // shaped.piece_bytes)
        out = sent(shaped, steps)
        took_s = out[-1][1][-1].at_s - STARTS_AT_S
        assert took_s == pytest.approx(seconds, rel=0.02)

    def test_each_direction_has_its_own(self):
        network = Network("x", down_kbit_s=1000, up_kbit_s=100)
        took = {
            way: shaper(network, way=way).send(STARTS_AT_S, 1250)[0].at_s for way in ("down", "up")
        }
        assert took == pytest.approx({"down": STARTS_AT_S + 0.01, "up": STARTS_AT_S + 0.1})

    def test_a_big_piece_comes_out_bit_by_bit(self):
        """64 KB over 2 Mbit/s take a quarter of a second, in which something always arrives."""
        shaped = shaper(Network("x", down_kbit_s=2000))
        times = [p.at_s for p in shaped.send(STARTS_AT_S, shaped.queue_bytes)]
        steps = [b - a for a, b in pairwise(times)]
        assert max(steps) <= SEGMENT_BYTES / 250_000 + EPSILON_S

    def test_who_finds_the_queue_full_waits_for_what_is_before_it(self):
        shaped = shaper(Network("x", down_kbit_s=1000))
        full = shaped.queue_bytes
        shaped.send(STARTS_AT_S, full)
        free_at = shaped.room_at(STARTS_AT_S, full)
        assert free_at == pytest.approx(STARTS_AT_S + full / 125_000)
        assert STARTS_AT_S < shaped.room_at(STARTS_AT_S, 1) < free_at
        with pytest.raises(ValueError, match="no room"):
            shaped.send(STARTS_AT_S, 1)
        assert shaped.send(free_at, full)[-1].at_s == pytest.approx(STARTS_AT_S + full / 62_500)

    def test_what_never_fits_is_told(self):
        shaped = shaper(Network("x", down_kbit_s=1000))
        with pytest.raises(ValueError, match="never fit"):
            shaped.room_at(STARTS_AT_S, shaped.queue_bytes + 1)

    def test_idle_time_is_not_saved_up(self):
        shaped = shaper(Network("x", down_kbit_s=1000))
        (last,) = shaped.send(STARTS_AT_S + 60, 1250)
        assert last.at_s == pytest.approx(STARTS_AT_S + 60.01)

    @pytest.mark.parametrize("network", [Network("x"), *PROFILES.values()], ids=str)
    def test_the_window_keeps_the_link_at_work(self, network):
        """Nothing stands still because too little of one connection may be on its way."""
        shaped = shaper(network)
        assert shaped.piece_bytes <= shaped.queue_bytes <= shaped.window_bytes <= 4 * 1024 * 1024
        if network.down_kbit_s:
            on_the_way = (
                network.down_kbit_s * KBIT_S * (network.latency_ms + network.jitter_ms) / 1e3
            )
            assert shaped.window_bytes >= on_the_way + shaped.queue_bytes


class TestJitter:
    def delays(self, network, *, seed=0, step_s=0.005, count=20_000):
        out = sent(shaper(network, seed=seed), [(step_s, 10)] * count)
        return [passing.at_s - at_s for at_s, (passing,) in out]

    def test_it_lies_between_nothing_and_its_most(self):
        delays = self.delays(Network("x", latency_ms=50, jitter_ms=40))
        assert min(delays) == pytest.approx(0.05, abs=0.001)
        assert max(delays) == pytest.approx(0.09, abs=0.001)

    def test_it_is_uniform_where_nothing_waits_for_others(self):
        delays = self.delays(Network("x", jitter_ms=40), step_s=2 * JITTER_HOLD_S)
        assert sum(delays) / len(delays) == pytest.approx(0.02, abs=0.0005)

    def test_it_stays_jitter_however_many_pieces_there_are(self):
        """It would be a constant delay if each piece drew its own and waited for the others."""
        delays = self.delays(Network("x", jitter_ms=40), step_s=0.001)
        assert sum(delays) / len(delays) < 0.03

    def test_another_seed_is_another_link(self):
        network = Network("x", jitter_ms=40)
        assert self.delays(network, count=50) != self.delays(network, count=50, seed=1)

    def test_the_directions_differ(self):
        network = Network("x", jitter_ms=40)
        down, up = (shaper(network, way=way).send(STARTS_AT_S, 1) for way in ("down", "up"))
        assert down != up

    def test_it_does_not_depend_on_what_was_sent(self):
        """So that two runs meet the same link, though their bytes come in other pieces."""
        network = PROFILES["train"]
        one, other = shaper(network), shaper(network)
        sent(one, [(0.01, 1000)] * 400)
        sent(other, [(0.1, 7)] * 40)
        later = STARTS_AT_S + 100
        assert one.send(later, 5) == other.send(later, 5)


class TestStalls:
    NETWORK = Network("x", stall_every_ms=5000, stall_ms=400)

    def test_they_come_as_often_and_last_as_long_as_was_said(self):
        stalls = stalls_of(self.NETWORK, until_s=50_000.0)
        lengths = [end - begin for begin, end in stalls]
        ends = [0.0, *(end for _, end in stalls)]
        pauses = [begin - end for end, (begin, _) in zip(ends, stalls, strict=False)]
        assert sum(pauses) / len(pauses) == pytest.approx(5.0, rel=0.05)
        assert sum(lengths) / len(lengths) == pytest.approx(0.4, rel=0.05)
        assert len(stalls) == pytest.approx(50_000 / 5.4, rel=0.05)

    def test_their_times_are_exponential(self):
        """The spread equals the mean, and e^-1 of them are longer than it."""
        lengths = [end - begin for begin, end in stalls_of(self.NETWORK, until_s=50_000.0)]
        longer = sum(length > 0.4 for length in lengths) / len(lengths)
        assert longer == pytest.approx(0.368, abs=0.03)

    def test_another_seed_has_others(self):
        one, other = (stalls_of(self.NETWORK, seed=seed, until_s=10.0) for seed in (0, 1))
        assert one != other

    def test_nothing_leaves_the_link_while_it_stalls(self):
        out = sent(shaper(self.NETWORK), [(0.01, 50)] * 10_000)
        stalls = stalls_of(self.NETWORK, until_s=100.0)
        times = [passing.at_s - STARTS_AT_S for _, (passing,) in out]
        for begin, end in stalls:
            assert not [at for at in times if begin + EPSILON_S < at < end - EPSILON_S]

    def test_what_came_meanwhile_comes_out_together_afterwards(self):
        (begin, end), *_ = stalls_of(self.NETWORK, until_s=1.0)
        middle = STARTS_AT_S + (begin + end) / 2
        shaped = shaper(self.NETWORK)
        times = [shaped.send(middle + i * 1e-4, 10)[0].at_s for i in range(3)]
        assert times == pytest.approx([STARTS_AT_S + end] * 3)

    def test_work_goes_on_where_a_stall_broke_it_off(self):
        stalls = Stalls(self.NETWORK, seed=0, starts_at_s=0.0)
        (begin, end), *_ = stalls_of(self.NETWORK, until_s=1.0)
        assert stalls.after_work(begin - 0.1, 0.3) == pytest.approx(end + 0.2)

    def test_one_stops_both_directions(self):
        (begin, end), *_ = stalls_of(self.NETWORK, until_s=1.0)
        for way in ("down", "up"):
            (passing,) = shaper(self.NETWORK, way=way).send(STARTS_AT_S + begin + 1e-4, 1)
            assert passing.at_s == pytest.approx(STARTS_AT_S + end)

    def test_the_bandwidth_is_what_is_left_of_it(self):
        """Gilbert's link is there 5 s of each 5.4."""
        network = Network("x", down_kbit_s=1000, stall_every_ms=5000, stall_ms=400)
        shaped = shaper(network)
        out = sent(shaped, [(0.0, SEGMENT_BYTES)] * 60_000)
        took_s = out[-1][1][-1].at_s - STARTS_AT_S
        assert 60_000 * SEGMENT_BYTES / took_s == pytest.approx(125_000 * 5 / 5.4, rel=0.03)

    def test_without_them_there_are_none(self):
        stalls = Stalls(Network("x"), seed=0, starts_at_s=0.0)
        assert stalls.after_work(1e6, 3.0) == 1e6 + 3.0
