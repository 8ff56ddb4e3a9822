from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from voicecli.playback.arrivals import Progress
from voicecli.playback.gate import Gate
from voicecli.playback.policy import TAKEN_AT_START, AdaptivePolicy

ADAPTIVE = AdaptivePolicy()


def test_a_gate_updates_its_thresholds_with_every_arrival():
    gate = Gate(ADAPTIVE, ahead_s=0.05)
    before = gate.thresholds
    assert gate.first_at is None
    gate.arrived(10.0, 0.1)
    gate.arrived(10.4, 0.1)
    assert gate.first_at == 10.0
    progress = Progress.begin(10.0, 0.1).after(10.4, 0.1)
    assert gate.thresholds == ADAPTIVE.thresholds(progress, 0.05)
    assert before == ADAPTIVE.thresholds(None, 0.05)


def test_after_a_wait_for_text_an_arrival_is_judged_like_the_first():
    gate = Gate(ADAPTIVE)
    gate.arrived(10.0, 0.1)
    gate.await_input()
    gate.arrived(60.0, 0.2)
    assert gate.thresholds == ADAPTIVE.thresholds(Progress.begin(60.0, 0.2), 0.0)
    assert (gate.first_at, gate.needed_s) == (10.0, -0.1)


def start_of(gate: Gate, pieces: list[tuple[float, float]]) -> float:
    """Return when sound starts, as the pieces arrive."""
    in_hand_s, starts_at = 0.0, inf
    for at, duration_s in pieces:
        if starts_at <= at:
            break
        gate.arrived(at, duration_s)
        in_hand_s += duration_s
        due_at = gate.thresholds.starts_at(in_hand_s, input_ended=False)
        starts_at = inf if due_at == inf else max(at, due_at)
    return starts_at


@given(st.floats(0.02, 0.5), st.floats(0.02, 0.5), st.floats(1.02, 8.0), st.floats(0.01, 0.2))
def test_a_known_steady_server_never_leaves_a_device_without_sound(
    first_s, piece_s, rate, latency_s
):
    """A device takes `TAKEN_AT_START` latencies at once, and the rest at the pace of sound."""
    pieces, at = [(0.0, first_s)], 0.0
    for _ in range(20):
        at += piece_s / rate
        pieces.append((at, piece_s))
    past = Gate(ADAPTIVE, ahead_s=latency_s)
    for at, duration_s in pieces:
        past.arrived(at, duration_s)
    known = ADAPTIVE.with_history([past.needed_s] * 5)
    starts_at = start_of(Gate(known, ahead_s=latency_s), pieces)
    audio_s = 0.0
    for at, duration_s in pieces:
        taken_at = starts_at + max(0.0, audio_s - TAKEN_AT_START * latency_s)
        assert at <= taken_at + 1e-9
        audio_s += duration_s
