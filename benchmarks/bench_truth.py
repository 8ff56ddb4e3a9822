"""Compare ``voicecli bench --format all --runs 5`` of the built-in voice with a recorder.

Does it finish within three minutes, and does its time to first audio agree with the recorder?

    scripts/setup dev && .venv/bin/python benchmarks/bench_truth.py [--runs 5] [--json]

The exit status is 1 if a median differs by more than 10 % or it took longer.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # tests.support is not installed

from tests.support.cli import Cli  # noqa: E402
from tests.support.recorded_ttfa import recorded_ttfa_ms  # noqa: E402  needs the path above
from tests.support.recorder import Recorder  # noqa: E402
from tests.support.sound_server import SoundServer  # noqa: E402

MAX_S = 180.0
MAX_ERROR = 0.1


def main() -> int:
    """Measure and print; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, SoundServer() as sound:
        traces = Path(folder) / "traces"
        with Recorder(sound) as recorder:
            done = Cli(Path(folder), sound).run(
                *("bench", "--format", "all", "--runs", str(options.runs), "--json"),
                *("--record", str(traces)),
                timeout_s=2 * MAX_S,
            )
            recording = recorder.finish()
        assert done.exit_code == 0, done
        recorded = {
            kind: median(times) for kind, times in recorded_ttfa_ms(recording, traces).items()
        }
    reported = {case["format"]: case["metrics"]["ttfa_ms"]["p50"] for case in done.json["cases"]}
    took_s = done.ended - done.started
    error = {kind: reported[kind] / recorded[kind] - 1 for kind in reported}
    if options.json:
        print(json.dumps({"took_s": took_s, "reported_ms": reported, "recorded_ms": recorded}))
    else:
        print(f"{'':6} {'reported ms':>12} {'recorded ms':>12} {'error':>7}")
        for kind, reported_ms in reported.items():
            print(f"{kind:6} {reported_ms:12.1f} {recorded[kind]:12.1f} {error[kind]:+7.1%}")
        print(f"took {took_s:.0f} s")
    return int(took_s > MAX_S or max(map(abs, error.values())) > MAX_ERROR)


if __name__ == "__main__":
    sys.exit(main())
