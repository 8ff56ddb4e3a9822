"""Where libopus is found, and what it rejects."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.codecs.samples import opus_packets
from tests.codecs.signals import noise, tone
from voicecli.codecs import libopus
from voicecli.codecs.encoding.opuspackets import OpusPacketEncoder


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_opus_works_without_a_system_libopus():
    done = run(
        "import ctypes.util\n"
        "asked = []\n"
        "ctypes.util.find_library = nowhere = lambda name: asked.append(name)\n"
        "from voicecli.codecs import make_decoder, preload\n"
        "preload('opus'); make_decoder('opus')\n"
        "assert ctypes.util.find_library is nowhere, 'left behind'\n"
        "assert asked == [], asked\n"
        "from voicecli.codecs.libopus import version\n"
        "print(version())"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("libopus ")


NO_BUNDLE = (
    "import importlib.util, ctypes.util\n"
    "find = importlib.util.find_spec\n"
    "importlib.util.find_spec = lambda name, *rest: None if name == 'av' else find(name, *rest)\n"
)


def test_opus_works_with_the_system_libopus_alone():
    # The wheel's own file stands in for the system's libopus.
    path = libopus.bundled_with_av()
    done = run(
        NO_BUNDLE
        + f"ctypes.util.find_library = lambda name: {path!r} if name == 'opus' else None\n"
        "from voicecli.codecs import make_decoder\n"
        "make_decoder('opus').feed(b'')\n"
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_libopus_is_explained():
    done = run(
        NO_BUNDLE + "ctypes.util.find_library = nowhere = lambda name: None\n"
        "from voicecli.codecs import AutoDecoder, make_decoder, preload\n"
        "from voicecli.codecs.encoding import make_encoder\n"
        "from voicecli.errors import UnsupportedFormat\n"
        "from tests.codecs.containers import opus_head, page\n"
        "for call in (lambda: preload('opus'), lambda: make_encoder('opus', 24000, 1),\n"
        "             lambda: AutoDecoder().feed(page([opus_head()], flags=2))):\n"
        "    try:\n"
        "        call()\n"
        "    except UnsupportedFormat as fault:\n"
        "        assert fault.message.startswith('Opus needs libopus, which was not found')\n"
        "        assert 'libopus0' in fault.remedy\n"
        "    else:\n"
        "        raise SystemExit('nothing raised')\n"
        "assert ctypes.util.find_library is nowhere\n"
    )
    assert done.returncode == 0, done.stderr


def test_the_bundled_library_is_found_without_importing_pyav(monkeypatch):
    assert libopus.bundled_with_av() is not None
    monkeypatch.setattr(libopus.importlib.util, "find_spec", lambda _: None)
    assert libopus.bundled_with_av() is None


def test_a_pyav_without_libopus_has_no_bundled_library(monkeypatch, tmp_path):
    spec = type("Spec", (), {"origin": str(tmp_path / "av" / "__init__.py")})
    monkeypatch.setattr(libopus.importlib.util, "find_spec", lambda _: spec)
    assert libopus.bundled_with_av() is None
    mac = tmp_path / "av" / ".dylibs" / "libopus.0.dylib"
    mac.parent.mkdir(parents=True)
    mac.touch()
    assert libopus.bundled_with_av() == str(mac)


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 1), (48_000, 3), (48_000, 0)])
def test_rates_and_channels_that_libopus_lacks_are_refused(rate_hz, channels):
    with pytest.raises(ValueError, match="libopus cannot decode"):
        libopus.OpusPacketDecoder(rate_hz, channels)


# --- merged packets


def decoded(packets, channels=1, rate_hz=48_000):
    decoder = libopus.OpusPacketDecoder(rate_hz, channels)
    blocks = []
    for packet in packets:
        frames = decoder.packet_length(packet) * rate_hz // 48_000
        blocks.append(np.empty((frames, channels), np.int16))
        decoder.decode(packet, blocks[-1].ctypes.data, frames)
    return np.concatenate(blocks)


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bitrate_bps", [8_000, 24_000, 96_000])  # SILK, hybrid, CELT
def test_a_merged_packet_decodes_to_the_same_samples(bitrate_bps, channels, rate_hz):
    encoder = OpusPacketEncoder(48_000, channels, bitrate_bps)
    frames = 60 * 960
    sound = (tone(frames, channels) // 2 + noise(frames, channels) // 8).astype(np.float32) / 2**15
    packets = [encoder.encode(sound[at : at + 960]) for at in range(0, frames, 960)]
    packets[30:33] = [packet[:1] for packet in packets[30:33]]  # sent instead of silence (DTX)
    merged, run = [], []
    for packet in packets:
        if len(run) == 6 or (run and packet[0] != run[0][0]):
            merged.append(libopus.OpusPacketDecoder.merge(run))
            run = []
        run.append(packet)
    merged.append(libopus.OpusPacketDecoder.merge(run))
    assert len(merged) < 30
    assert np.array_equal(decoded(merged, channels, rate_hz), decoded(packets, channels, rate_hz))


@pytest.mark.parametrize("frame_ms", [5, 10, 40, 60])
def test_packets_of_other_durations_are_merged_up_to_the_longest(frame_ms):
    _, *packets = opus_packets(120 // frame_ms + 2, frame_ms=frame_ms)
    merged = libopus.OpusPacketDecoder.merge(packets[:-1])
    assert np.array_equal(decoded([merged, packets[-1]]), decoded(packets))
    assert libopus.OpusPacketDecoder.merge(packets) is None


def test_packets_that_cannot_be_one_are_not_merged():
    mono, stereo = opus_packets(2), opus_packets(2, 2)
    assert libopus.OpusPacketDecoder.merge([mono[0], stereo[0]]) is None
    assert libopus.OpusPacketDecoder.merge([mono[0], b""]) is None
    assert libopus.OpusPacketDecoder.merge([mono[0], bytes([mono[0][0] | 3, 0])]) is None
