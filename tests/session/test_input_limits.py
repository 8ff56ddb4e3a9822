from __future__ import annotations

from voicecli.clock import SystemClock
from voicecli.errors import BadResponse
from voicecli.session.fallback import Fallback
from voicecli.session.input_limits import InputLimits
from voicecli.session.pace import Pace
from voicecli.session.planner import Planner
from voicecli.text.limits import InputLimit, LimitOrigin
from voicecli.text.segment import Segment, Sentence, Span

KNOWN = {"one": InputLimit(500, LimitOrigin.CONFIGURED), "two": InputLimit()}


def limits(learned=None):
    """Voices ``one/…`` and ``two/…`` of two endpoints."""

    def key_of(voice):
        return (voice or "one").partition("/")[0]

    on_learned = None if learned is None else lambda key, limit: learned.append((key, limit))
    return InputLimits(key_of, KNOWN.__getitem__, on_learned)


def test_each_endpoint_has_its_own_limit_and_learns_it():
    learned = []
    found = limits(learned)
    assert [found.of(voice).characters for voice in (None, "one/a", "two/b")] == [500, 500, 4096]
    found.learn("two/b", InputLimit(900, LimitOrigin.LEARNED))
    assert [found.of(voice).characters for voice in (None, "two/c")] == [500, 900]
    assert learned == [("two", InputLimit(900, LimitOrigin.LEARNED))]


def test_the_same_for_every_voice():
    assert InputLimits.same(InputLimit(7)).of("x") == InputLimit(7)
    assert InputLimits.same().of(None) == InputLimit()


def test_a_refusal_teaches_the_limit_of_the_voice_that_was_refused():
    found = limits()
    nobody = Fallback(lambda _: ())
    planner = Planner("", nobody, Pace(), SystemClock(), limits=found)
    sentences = tuple(Sentence(n, "x" * 300, Span(0, 1), voice="two/b") for n in range(4))
    error = BadResponse("refused")
    error.status, error.refusal = 400, b'{"detail": "at most 700 characters"}'
    parts = planner.split(Segment(0, sentences), error)
    assert [len(part.text) for part in parts] == [601, 601]
    assert found.of("two/c").characters == 700
    assert found.of("one/a").characters == 500
