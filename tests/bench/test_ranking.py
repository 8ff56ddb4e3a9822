from __future__ import annotations

import pytest

from voicecli.bench.case import Case, Outcome
from voicecli.bench.ranking import MIN_LEAD_MS, headline

STEADY_MS = (20.0, 21.0, 22.0, 23.0, 24.0, 25.0)


def heard(name, *ttfa_ms):
    outcome = Outcome(Case({}, dict, name))
    outcome.readings["ttfa_ms"] = list(ttfa_ms)
    return outcome


def later(name, by_ms):
    return heard(name, *(ms + by_ms for ms in STEADY_MS))


def test_a_single_case_is_named_with_its_median():
    assert headline([heard("pcm", *STEADY_MS)]) == "pcm is heard after 22.5 ms"


@pytest.mark.parametrize("outcomes", [[], [heard("pcm")], [heard("pcm"), heard("opus")]])
def test_nothing_heard(outcomes):
    assert headline(outcomes) == "Nothing was heard"


def test_a_certain_lead_is_reported_whatever_the_order():
    cases = [later("opus", 50.0), heard("pcm", *STEADY_MS), heard("mp3")]
    for sentence in (headline(cases), headline(cases[::-1])):
        assert sentence == "pcm is heard first after 22.5 ms"


def test_only_overlapping_cases_are_named_together():
    sentence = headline([later("opus", 1.5), heard("pcm", *STEADY_MS), later("flac", 50.0)])
    assert sentence == "pcm or opus is heard first, after 22.5 to 24 ms: too close to tell"


def test_too_few_runs_are_too_close_to_tell():
    sentence = headline([heard("pcm", 20.0, 21.0, 22.0), heard("opus", 900.0, 901.0, 902.0)])
    assert sentence == "pcm or opus is heard first, after 21 to 901 ms: too close to tell"


def test_a_tiny_lead_does_not_count_however_certain():
    pcm = heard("pcm", *(20.0 + i / 1e6 for i in range(6)))
    opus = heard("opus", *(20.0 + MIN_LEAD_MS / 2 + i / 1e6 for i in range(6)))
    assert headline([pcm, opus]).startswith("pcm or opus is heard first")


def test_many_cases_are_counted():
    names = ("pcm", "wav", "opus", "mp3")
    sentence = headline([heard(name, *STEADY_MS) for name in names])
    assert sentence == "4 cases are too close to tell which is heard first, after 22.5 ms"
