"""``voicecli bench --format all --runs 5`` on the built-in voice, beside a recorder.

Does it take less than three minutes, and is the time to first audio that it tells
what the recorder hears?

    scripts/setup dev && .venv/bin/python benchmarks/bench_truth.py [--runs 5] [--json]

The exit status is 1 where a median differs by more than a tenth, or it took longer.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is no installed package

from tests.support.cli import Cli  # noqa: E402
from tests.support.recorded_ttfa import recorded_ttfa_ms  # noqa: E402  needs the path above
from tests.support.recorder import Recorder  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402

MOST_S = 180.0
MOST_PART = 0.1


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, SoundServer() as sound:
        traces = Path(folder) / "traces"
        with Recorder(sound) as recorder:
            done = Cli(Path(folder), sound, coverage=False).run(
                *("bench", "--format", "all", "--runs", str(settings.runs), "--json"),
                *("--record", str(traces)),
                timeout_s=2 * MOST_S,
            )
            recording = recorder.finish()
        assert done.exit_code == 0, done
        heard = {kind: median(times) for kind, times in recorded_ttfa_ms(recording, traces).items()}
    told = {case["format"]: case["metrics"]["ttfa_ms"]["p50"] for case in done.json["cases"]}
    took_s = done.ended - done.started
    off = {kind: told[kind] / heard[kind] - 1 for kind in told}
    if settings.json:
        print(json.dumps({"took_s": took_s, "told_ms": told, "heard_ms": heard}))
    else:
        print(f"{'':6} {'told ms':>8} {'heard ms':>9} {'off':>7}")
        for kind, told_ms in told.items():
            print(f"{kind:6} {told_ms:8.1f} {heard[kind]:9.1f} {off[kind]:+7.1%}")
        print(f"took {took_s:.0f} s")
    return int(took_s > MOST_S or max(map(abs, off.values())) > MOST_PART)


if __name__ == "__main__":
    sys.exit(main())
