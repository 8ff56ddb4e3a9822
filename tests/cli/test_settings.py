from __future__ import annotations

import pytest

from voicecli.cli.settings import PlaybackFlags, playback_settings
from voicecli.config.file import Config
from voicecli.playback.policy import AdaptivePolicy, BufferPolicy
from voicecli.session.fetcher import FetchLimits
from voicecli.session.seams import SeamPauses


def settings(config=None, *, expected_format=None, keeps_audio=False, no_play=False, **flags):
    return playback_settings(
        config or Config(),
        PlaybackFlags(**flags),
        expected_format=expected_format,
        keeps_audio=keeps_audio,
        no_play=no_play,
    )


def test_defaults():
    made = settings()
    assert made.output.output == "device"
    assert made.output.device is None
    assert made.output.policy == AdaptivePolicy()
    assert made.output.preroll_s == 0
    assert made.session.limits == FetchLimits(60, 60, retries=2)
    assert made.session.volume == 1
    assert not made.output.optional


FILE = Config(device="speakers", volume=0.5, buffer_ms=300, preroll_ms=40, timeout_s=7, retries=5)


def test_the_configuration_file_overrides_the_defaults():
    made = settings(FILE)
    assert made.output.device == "speakers"
    assert made.output.policy == BufferPolicy.fixed(0.3)
    assert made.output.preroll_s == pytest.approx(0.04)
    assert made.session.limits == FetchLimits(7, 7, retries=5)
    assert made.session.volume == 0.5


def test_flags_override_the_file_even_with_zero():
    made = settings(
        FILE, device="3", volume=0.0, buffer_ms=0.0, preroll_ms=0.0, timeout_s=1.5, retries=0
    )
    assert made.output.device == "3"
    assert made.output.policy == BufferPolicy.fixed(0.0)
    assert made.output.preroll_s == 0
    assert made.session.limits == FetchLimits(1.5, 1.5, retries=0)
    assert made.session.volume == 0


@pytest.mark.parametrize(
    ("config", "flag", "latency_s"),
    [
        (Config(), None, None),
        (Config(latency_ms=80), None, 0.08),
        (Config(latency_ms=80), 20.0, 0.02),
        (Config(latency_ms=80), "auto", None),
    ],
)
def test_what_the_device_buffers(config, flag, latency_s):
    assert settings(config, latency_ms=flag).output.latency_s == latency_s


def test_requests_ahead_and_pauses():
    assert settings().session.pauses == SeamPauses(0.35, 0.7)
    made = settings(ahead=0, pauses=SeamPauses(0.1, 0.2))
    assert made.session.limits.ahead == 0
    assert made.session.pauses == SeamPauses(0.1, 0.2)


@pytest.mark.parametrize(
    ("flags", "output"),
    [
        ({"device": "null"}, "null"),
        ({"no_play": True}, "discard"),
        ({"device": "null", "no_play": True}, "discard"),
        ({"device": "nullify"}, "device"),
    ],
)
def test_the_output(flags, output):
    assert settings(**flags).output.output == output


def test_with_a_recording_the_device_is_optional():
    assert settings(keeps_audio=True).output.optional


def test_the_expected_format_is_passed_on():
    assert settings(expected_format="opus").session.expected_format == "opus"


def test_auto_overrides_a_number_in_the_file():
    assert settings(FILE, buffer_ms="auto").output.policy == AdaptivePolicy()
