"""Compare our AudioStreamDecoder with LiveKit's, in one environment, on the same bytes.

    scripts/setup dev
    .venv/bin/python benchmarks/beside_livekit.py [--rate 48000] [--json]

Both classes have the same interface, so one function drives both: a producer task
pushes chunks of a clip as fast as they are taken, with one pass of the loop between
them, and a consumer task iterates the frames. Each side runs in a process of its own,
with the same interpreter, PyAV and numpy, in a virtual environment that this script
creates (``benchmarks/.venv-livekit``). The sides take turns. FFmpeg makes the clips.

For each format, length of clip and size of chunk it measures

- throughput: duration of the audio over the time from the first push to the end of the
  iteration, in multiples of real time (median of the runs; see `WARM_S`);
- push: the 95th percentile of all pushes, in runs of their own, because timing them
  takes time;
- first frame: from the first push until the consumer has the first frame (median);
- exactness: frames received minus frames encoded; whether lossless audio is identical,
  sample for sample; and by how many frames lossy audio is shifted.

The exit status is 1 if a limit in `LIMITS` is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = Path(__file__).parent / ".venv-livekit"
LIVEKIT = "livekit-agents==1.8.9"

MEDIA_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
}
LOSSLESS = ("wav", "flac")
CLIP_RATE_HZ = 24_000
SECONDS = (1, 60)
CHUNKS_BYTES = (4096, 65536)
SIDES = ("ours", "theirs")
WARM_S = 16
"""Seconds of audio decoded before measuring, in at least two runs.

CPython specialises code after several calls, and a clip of one second calls much of it
only once or twice. After a dozen clips a process is as fast as it gets.
"""

SHORT_RUNS = 8
"""Runs of a one-second clip for each run of a 60 s clip.

Five runs take half a millisecond altogether, so one stall of the machine would decide.
"""

LIMITS = {"throughput": 1.0, "push": 0.5, "first_frame": 1.0}
"""Ours divided by theirs: the least throughput, the longest push and first frame."""


# One side, in the benchmark's environment


def run_side(side: str, path: str, rate_hz: int, chunk_bytes: int, runs: int, warm: int) -> None:
    """Decode the clip 2 × ``runs`` times, after ``warm`` warm-up runs; print the readings."""
    import numpy as np  # noqa: PLC0415  the parent process does not need it

    data = Path(path).read_bytes()
    chunks = [data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes)]
    media_type = MEDIA_TYPES[Path(path).suffix[1:]]
    if side == "ours":
        from voicecli.streams import AudioStreamDecoder  # noqa: PLC0415  one side or the other
    else:
        from livekit.agents.utils.codecs import AudioStreamDecoder  # noqa: PLC0415

    def make():  # noqa: ANN202  either class
        return AudioStreamDecoder(sample_rate=rate_hz, num_channels=1, format=media_type)

    readings = []
    for run in range(warm + 2 * runs):
        gc.collect()
        readings.append(asyncio.run(decode(make, chunks, times_pushes=run % 2 == 1)))
    sound = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in readings[-1]["made"]])
    np.save(f"{path}.{side}.npy", sound)
    for reading in readings:
        del reading["made"]
    print(json.dumps({"runs": readings[warm:], "frames": len(sound)}))


async def decode(make, chunks, *, times_pushes):  # noqa: ANN001, ANN201  of either class; a dict for JSON
    """Decode once, with the same code for both sides; time either the pushes or the rest."""
    decoder = make()
    push_us, made = [], []
    first_at = None

    async def produce() -> None:
        for chunk in chunks:
            if times_pushes:
                before = time.perf_counter()
                decoder.push(chunk)
                push_us.append((time.perf_counter() - before) * 1e6)
            else:
                decoder.push(chunk)
            await asyncio.sleep(0)
        decoder.end_input()

    began = time.perf_counter()
    producing = asyncio.create_task(produce())
    async for frame in decoder:
        if first_at is None:
            first_at = time.perf_counter()
        made.append(frame)
    ended = time.perf_counter()
    await producing
    await decoder.aclose()
    times = {"elapsed_s": ended - began, "first_frame_ms": (first_at - began) * 1e3}
    return {"made": made} | ({"push_us": push_us} if times_pushes else times)


# Both sides in turn


def make_environment() -> Path:
    """Return the interpreter of the benchmark's own environment, created on first use."""
    python = ENVIRONMENT / "bin" / "python"
    # Both sides decode with the versions that voicecli is tested with.
    pins = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line.partition("==")[0] in {"av", "numpy", "opuslib"}
    ]
    wanted = "\n".join([LIVEKIT, *pins])
    stamp = ENVIRONMENT / "made-for"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making {ENVIRONMENT.relative_to(ROOT)} with {LIVEKIT}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, LIVEKIT, *pins], check=True)
        stamp.write_text(wanted)
    return python


def make_clip(folder: Path, codec: str, seconds: int) -> Path:
    """Make a clip with FFmpeg's encoder and muxer; speech-like, mono, 24 kHz."""
    import av  # noqa: PLC0415  a side's process imports only what it needs

    encoder, container, options = {
        "wav": ("pcm_s16le", "wav", {}),
        "flac": ("flac", "flac", {}),
        "opus": ("libopus", "ogg", {"page_duration": "100000"}),
        "mp3": ("libmp3lame", "mp3", {}),
        "aac": ("aac", "adts", {}),
    }[codec]
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options) as out:
        stream = out.add_stream(encoder, rate=CLIP_RATE_HZ, layout="mono")
        if codec not in LOSSLESS:
            stream.bit_rate = 32_000 if codec == "opus" else 64_000
        frame = av.AudioFrame.from_ndarray(sound(seconds).reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts = CLIP_RATE_HZ, 0
        for part in (frame, None):
            for packet in stream.encode(part):
                out.mux(packet)
    path = folder / f"clip{seconds}.{codec}"
    path.write_bytes(file.getvalue())
    return path


def sound(seconds: int):  # noqa: ANN201  an array
    """Return the samples of a clip."""
    from voicecli.bench.components.sound import speech_like  # noqa: PLC0415  as above

    return speech_like(float(seconds), CLIP_RATE_HZ)


def measure(
    python: Path, path: Path, seconds: int, rate_hz: int, chunk_bytes: int, rounds: int, runs: int
) -> dict:
    """Run both sides in turn; return their readings."""
    warm = max(2, WARM_S // seconds)
    runs *= max(1, SHORT_RUNS // seconds)
    sides: dict[str, dict] = {side: {"runs": [], "frames": 0} for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            done = subprocess.run(
                [
                    *(python, __file__, "--side", side, "--clip", path, "--runs", str(runs)),
                    *("--rate", str(rate_hz), "--chunk", str(chunk_bytes), "--warm", str(warm)),
                ],
                env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
                stdout=subprocess.PIPE,
                check=True,
            )
            reading = json.loads(done.stdout)
            sides[side]["runs"] += reading["runs"]
            sides[side]["frames"] = reading["frames"]
    return sides


def figures(path: Path, seconds: int, rate_hz: int, side: str, readings: dict) -> dict:
    """Summarise one side's readings of one clip."""
    whole = [run for run in readings["runs"] if "elapsed_s" in run]
    push_us = [us for run in readings["runs"] for us in run.get("push_us", ())]
    codec = path.suffix[1:]
    return {
        "throughput_x": statistics.median(seconds / run["elapsed_s"] for run in whole),
        "push_p95_us": percentile(push_us, 95),
        "first_frame_ms": statistics.median(run["first_frame_ms"] for run in whole),
        "frames_off": readings["frames"] - seconds * rate_hz,
        "exact": exactness(path, codec, seconds, rate_hz, side),
    }


def percentile(values: list[float], percent: float) -> float:
    """Interpolate linearly, as in `voicecli.bench.statistics`."""
    from voicecli.bench.statistics import percentile as of_ordered  # noqa: PLC0415

    return of_ordered(sorted(values), percent)


def exactness(path: Path, codec: str, seconds: int, rate_hz: int, side: str) -> str:
    """Compare the samples with the original: same, different, or shifted by some frames."""
    import numpy as np  # noqa: PLC0415  as above

    if rate_hz != CLIP_RATE_HZ:
        return ""
    got, wanted = np.load(f"{path}.{side}.npy"), sound(seconds)[:, 0]
    if codec in LOSSLESS:
        return "same" if np.array_equal(got, wanted) else "differs"
    size = min(len(got), len(wanted), CLIP_RATE_HZ)
    spectra = np.fft.rfft(got[:size], 2 * size) * np.conj(np.fft.rfft(wanted[:size], 2 * size))
    shift = int(np.argmax(np.fft.irfft(spectra)))
    return f"{shift if shift < size else shift - 2 * size:+d}"


def judge(ours: dict, theirs: dict) -> list[str]:
    """Return the names of the missed limits."""
    missed = []
    if ours["throughput_x"] < LIMITS["throughput"] * theirs["throughput_x"]:
        missed.append("throughput")
    if ours["push_p95_us"] > LIMITS["push"] * theirs["push_p95_us"]:
        missed.append("push")
    if ours["first_frame_ms"] > LIMITS["first_frame"] * theirs["first_frame_ms"]:
        missed.append("first_frame")
    return missed


def show(rows: list[dict]) -> None:
    """Print a table; in each pair of columns ours comes first."""
    print("                 | × real time         | push p95 µs | first frame ms | frames off  |")
    print(
        "clip      chunks | ours  theirs  ratio | ours theirs | ours    theirs | ours theirs | ",
        end="",
    )
    print("exact")
    for row in rows:
        ours, theirs = row["ours"], row["theirs"]
        ratio = ours["throughput_x"] / theirs["throughput_x"]
        print(
            f"{row['codec']:4} {row['seconds']:2} s {row['chunk_bytes']:6} |"
            f"{ours['throughput_x']:6.0f} {theirs['throughput_x']:6.0f} {ratio:6.2f} |"
            f"{ours['push_p95_us']:5.1f} {theirs['push_p95_us']:6.1f} |"
            f"{ours['first_frame_ms']:6.2f} {theirs['first_frame_ms']:8.2f} |"
            f"{ours['frames_off']:+5d} {theirs['frames_off']:+6d} | "
            f"{ours['exact']} {theirs['exact']}"
            + (f"  missed: {', '.join(row['missed'])}" if row["missed"] else "")
        )


def main() -> int:
    """Measure, print and judge; or run as one side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=CLIP_RATE_HZ, help="output sample rate in Hz")
    parser.add_argument("--format", choices=MEDIA_TYPES, action="append")
    parser.add_argument("--chunk", type=int, action="append", help="bytes per push")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--runs",
        type=int,
        default=5,
        help=f"runs of a 60 s clip in each round; a 1 s clip gets {SHORT_RUNS} times as many",
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--clip", help=argparse.SUPPRESS)
    parser.add_argument("--warm", type=int, default=2, help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.side:
        run_side(
            *(settings.side, settings.clip, settings.rate, settings.chunk[0]),
            *(settings.runs, settings.warm),
        )
        return 0
    sys.path.insert(0, str(ROOT))
    python = make_environment()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for codec in settings.format or MEDIA_TYPES:
            for seconds in SECONDS:
                path = make_clip(Path(folder), codec, seconds)
                for chunk_bytes in settings.chunk or CHUNKS_BYTES:
                    sides = measure(
                        *(python, path, seconds, settings.rate, chunk_bytes),
                        *(settings.rounds, settings.runs),
                    )
                    summaries = {
                        side: figures(path, seconds, settings.rate, side, sides[side])
                        for side in SIDES
                    }
                    missed = judge(**summaries)
                    row = {"codec": codec, "seconds": seconds, "chunk_bytes": chunk_bytes}
                    rows.append(row | summaries | {"missed": missed})
    if settings.json:
        print(json.dumps({"rate_hz": settings.rate, "against": LIVEKIT, "rows": rows}))
    else:
        show(rows)
    return int(any(row["missed"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
