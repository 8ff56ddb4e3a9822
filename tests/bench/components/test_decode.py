from __future__ import annotations

import pytest

from voicecli.bench.components.decode import COLUMNS, DecodeSettings, cases
from voicecli.bench.components.sound import clip
from voicecli.codecs import CODECS


@pytest.mark.parametrize("to_rate_hz", [None, 16_000])
@pytest.mark.parametrize("codec", CODECS)
def test_readings(codec, to_rate_hz):
    settings = DecodeSettings(duration_s=0.5, to_rate_hz=to_rate_hz)
    small, large = cases([codec], [512, 1 << 20], settings)
    assert small.labels == {"codec": codec, "chunk_bytes": 512}
    readings = small.measure()
    size = len(clip(codec, 0.5, 24_000))
    assert len(readings["push_us"]) == -(-size // 512)
    assert readings["speed_x"][0] > 1
    assert 0 < readings["first_frame_ms"][0] < 60_000
    assert readings["frames"][0] >= 1
    assert len(large.measure()["push_us"]) == 1
    assert {c.metric for c in COLUMNS} <= {*readings, *small.labels}
