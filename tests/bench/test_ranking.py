from __future__ import annotations

import pytest

from voicecli.bench.case import Case, Outcome
from voicecli.bench.ranking import LEAST_MS, headline

STEADY_MS = (20.0, 21.0, 22.0, 23.0, 24.0, 25.0)


def heard(name, *ttfa_ms):
    outcome = Outcome(Case({}, dict, name))
    outcome.readings["ttfa_ms"] = list(ttfa_ms)
    return outcome


def later(name, by_ms):
    return heard(name, *(ms + by_ms for ms in STEADY_MS))


def test_one_case_is_heard_when_it_is_heard():
    assert headline([heard("pcm", *STEADY_MS)]) == "pcm is heard after 22.5 ms"


@pytest.mark.parametrize("outcomes", [[], [heard("pcm")], [heard("pcm"), heard("opus")]])
def test_nothing_heard_is_said(outcomes):
    assert headline(outcomes) == "Nothing was heard"


def test_a_lead_that_is_certain_is_told_whatever_the_order():
    cases = [later("opus", 50.0), heard("pcm", *STEADY_MS), heard("mp3")]
    for told in (headline(cases), headline(cases[::-1])):
        assert told == "pcm is heard first after 22.5 ms"


def test_lots_that_overlap_are_named_together_and_others_not():
    told = headline([later("opus", 1.5), heard("pcm", *STEADY_MS), later("flac", 50.0)])
    assert told == "pcm or opus is heard first, after 22.5 to 24 ms: these runs cannot tell"


def test_too_few_runs_tell_nothing():
    told = headline([heard("pcm", 20.0, 21.0, 22.0), heard("opus", 900.0, 901.0, 902.0)])
    assert told == "pcm or opus is heard first, after 21 to 901 ms: these runs cannot tell"


def test_a_lead_of_nothing_is_none_however_certain():
    pcm = heard("pcm", *(20.0 + i / 1e6 for i in range(6)))
    opus = heard("opus", *(20.0 + LEAST_MS / 2 + i / 1e6 for i in range(6)))
    assert headline([pcm, opus]).startswith("pcm or opus is heard first")


def test_many_are_counted():
    names = ("pcm", "wav", "opus", "mp3")
    told = headline([heard(name, *STEADY_MS) for name in names])
    assert told == "Which of 4 is heard first, these runs cannot tell: after 22.5 ms"
