from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.playback.policy import CAPACITY_S, BufferPolicy

POLICY = BufferPolicy(start_s=0.1, resume_s=0.5)
QUESTIONS = [BufferPolicy.may_start, BufferPolicy.may_resume]


@pytest.mark.parametrize(("buffered_s", "may"), [(0.0, False), (0.099, False), (0.1, True)])
def test_sound_starts_at_its_threshold(buffered_s, may):
    assert POLICY.may_start(buffered_s, input_ended=False) is may


@pytest.mark.parametrize(("buffered_s", "may"), [(0.1, False), (0.499, False), (0.5, True)])
def test_sound_resumes_at_a_threshold_of_its_own(buffered_s, may):
    assert POLICY.may_resume(buffered_s, input_ended=False) is may


@pytest.mark.parametrize("question", QUESTIONS)
def test_end_of_input_releases_what_there_is(question):
    assert question(POLICY, 0.001, input_ended=True)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("ended", [True, False])
def test_nothing_is_never_sound(question, ended):
    assert not question(BufferPolicy.fixed(0.0), 0.0, input_ended=ended)


def test_fixed_is_the_same_for_both():
    assert BufferPolicy.fixed(0.3) == BufferPolicy(0.3, 0.3)


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_both_thresholds_fit_into_the_capacity(start_s, resume_s):
    capacity_s = BufferPolicy(start_s, resume_s).capacity_s
    assert capacity_s >= CAPACITY_S
    assert capacity_s >= 2 * max(start_s, resume_s)
