from __future__ import annotations

import pytest

from voicecli.playback.base import SinkReport, Underrun
from voicecli.playback.silences import Silences

SILENCES = Silences(
    SinkReport(
        underruns=(Underrun(1.0, 0.5), Underrun(3.0, 0.25)), text_waits=(Underrun(2.0, 4.0),)
    )
)


@pytest.mark.parametrize(
    ("position_s", "silence_s"), [(0.9, 0.0), (1.0, 0.5), (2.5, 4.5), (9.0, 4.75)]
)
def test_silence_before_a_position(position_s, silence_s):
    assert SILENCES.until_s(position_s) == silence_s


@pytest.mark.parametrize(
    ("first_s", "last_s", "silence_s"),
    [(0.0, 0.5, 0.0), (1.0, 2.0, 4.5), (1.5, 9.0, 4.25), (2.0, 1.0, 0.0)],
)
def test_silence_between_positions(first_s, last_s, silence_s):
    assert SILENCES.between_s(first_s, last_s) == silence_s


@pytest.mark.parametrize(("with_pauses", "silence_s"), [(True, 2.5), (False, 0.5)])
def test_pauses_may_be_left_out(with_pauses, silence_s):
    report = SinkReport(underruns=(Underrun(1.0, 0.5),), pauses=(Underrun(1.5, 2.0),))
    assert Silences(report, with_pauses=with_pauses).until_s(9.0) == silence_s
