from __future__ import annotations

import pytest

from voicecli.sources.voicenames import builtin_voice

AVAILABLE = ("heart", "emma", "fable")


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("heart", "heart"),
        ("Emma", "emma"),
        ("", "heart"),
        (" ", "heart"),
        ("alloy", "heart"),
        ("Alloy", "heart"),
        ("FABLE", "fable"),
        ("af_sky", "heart"),
        ("bf_emma", "emma"),
        ("BF_Emma", "emma"),
        ("af_bella(2)+af_sky(1)", "heart"),
        ("bf_emma+af_sky", "emma"),
        ("af_sky(1)+bf_emma(1.5)", "emma"),
        ("af_sky(1) + af_bella(1) + bf_emma(1.5)", "heart"),
        ("alloy+emma(2)", "emma"),
        (" af_sky ", "heart"),
        ("af_bella( 0.5 ) - bf_emma(2.)", "heart"),
        ("bf_emma(2)-af_sky", "emma"),
        ("zf_xiaobei", "heart"),
        ("af", "heart"),
    ],
)
def test_a_known_name_stands_for_a_voice(name, voice):
    assert builtin_voice(name, AVAILABLE) == voice


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "af_",
        "af_sky+nobody",
        "heart+",
        "-",
        "heart emma",
        "heart(1)emma",
        "af_sky(x)",
        "af_sky(1",
        "heart\ud800",
    ],
)
def test_other_names_are_unknown(name):
    assert builtin_voice(name, AVAILABLE) is None
