"""What content types say of raw samples, and that these are decoded so."""

from __future__ import annotations

import io
from itertools import product

import av
import numpy as np
import pytest

from tests.codecs.containers import wav
from tests.codecs.feeding import decode, decode_until_fault, in_pieces, joined
from tests.codecs.signals import noise, tone
from voicecli.audio.pcm import to_float32
from voicecli.codecs import AutoDecoder, make_decoder
from voicecli.codecs.media_type import parse_media_type
from voicecli.codecs.raw_coding import ALAW, MULAW, S16LE, RawCoding, raw_coding
from voicecli.errors import UnsupportedFormat

CODINGS = {
    "audio/pcm": S16LE,
    "audio/pcm;rate=24000;bits=16": S16LE,
    "audio/L16;codec=pcm;rate=24000": RawCoding("signed", 2, "unsure"),
    "audio/L16": RawCoding("signed", 2, "unsure"),
    "audio/L16;endianness=big-endian": RawCoding("signed", 2, "big"),
    "audio/l16;endianness=little": S16LE,
    "audio/L24;rate=48000": RawCoding("signed", 3, "unsure"),
    "audio/L8": RawCoding("unsigned", 1),
    "audio/basic": MULAW,
    "audio/PCMU": MULAW,
    "audio/PCMA;rate=8000": ALAW,
    "audio/x-mulaw;rate=8000": MULAW,
    "audio/x-alaw": ALAW,
    "audio/pcm;encoding=mulaw": MULAW,
    "audio/pcm;encoding=A-Law;bits=8": ALAW,
    "audio/pcm;bits=24": RawCoding("signed", 3),
    "audio/pcm;bits=16bit": S16LE,
    'audio/pcm;bits="24 Bits"': RawCoding("signed", 3),
    "audio/pcm;bits=32": RawCoding("signed", 4),
    "audio/pcm;bits=8": RawCoding("unsigned", 1),
    "audio/pcm;bits=8;encoding=signed-integer": RawCoding("signed", 1),
    "audio/pcm;encoding=float": RawCoding("float", 4),
    "audio/pcm;encoding=pcm_f32le": RawCoding("float", 4),
    "audio/pcm;encoding=floating-point;bits=64": RawCoding("float", 8),
    "audio/raw;format=s16be": RawCoding("signed", 2, "big"),
    "audio/s16le": S16LE,
    "audio/x-pcm-s16le": S16LE,
    "audio/l16le": S16LE,
    "audio/S24_3LE": RawCoding("signed", 3),
    "audio/pcm_mulaw;rate=8000": MULAW,
    "audio/pcm;codec=pcm_alaw": ALAW,
    "audio/pcm;encoding=s16-le": S16LE,
    "audio/pcm;codec=audio/pcm": S16LE,
    "audio/pcm;encoding=L16": RawCoding("signed", 2, "unsure"),
    "audio/pcm;bit_depth=24": RawCoding("signed", 3),
    "audio/pcm;bits_per_sample=32": RawCoding("signed", 4),
    "audio/pcm;sample_format=f32le": RawCoding("float", 4),
    "audio/pcm;byte_order=big": RawCoding("signed", 2, "big"),
    "audio/x-raw, format=(string)S16BE, rate=(int)16000": RawCoding("signed", 2, "big"),
    "audio/mpeg": None,
    "application/octet-stream": None,
    "text/html": None,
}


def test_a_label_names_a_coding():
    assert {label: raw_coding(parse_media_type(label)) for label in CODINGS} == CODINGS


REFUSED = [
    *("audio/G722", "audio/PCMU-WB", "audio/L20;rate=48000", "audio/GSM", "audio/dvi4"),
    *("audio/AMR", "audio/AMR-WB+", "audio/x-speex", "audio/EVS", "audio/BV16", "audio/ac3"),
    *("audio/G7221", "audio/MELP2400", "audio/CN", "audio/vnd.dts.hd", "audio/telephone-event"),
    *("audio/pcm;encoding=adpcm", "audio/pcm;encoding=float;bits=16"),
    *("audio/pcm;bits=12", "audio/pcm;bits=nine"),
]


@pytest.mark.parametrize("label", REFUSED)
def test_other_codings_are_refused_by_name(label):
    for declared in ("pcm", None, "mp3"):
        _, fault = decode_until_fault(AutoDecoder(declared, label), [noise(3_000).tobytes()])
        assert isinstance(fault, UnsupportedFormat)
        assert label.partition(";")[0].lower() in fault.message


@pytest.mark.parametrize("declared", ["pcm", "wav", "opus"])
def test_parts_in_an_envelope_are_refused_by_name(declared):
    body = b"--x\r\nContent-Type: audio/pcm\r\n\r\n" + noise(3_000).tobytes() + b"\r\n--x--"
    decoder = AutoDecoder(declared, "Multipart/Mixed; boundary=x")
    blocks, fault = decode_until_fault(decoder, in_pieces(13, body))
    assert not blocks
    assert isinstance(fault, UnsupportedFormat)
    assert "multipart/mixed" in fault.message


def test_a_refused_label_does_not_hide_magic():
    file = wav(tone(500))
    for label in ("audio/G722", "audio/vorbis"):
        assert len(joined(decode(AutoDecoder("pcm", label), [file]))) == 500


def raw(encoder, sound):
    """Encode mono int16 with FFmpeg's encoder of raw samples."""
    container = {"pcm_mulaw": "mulaw", "pcm_alaw": "alaw"}.get(
        encoder, encoder.removeprefix("pcm_")
    )
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(encoder, rate=8_000, layout="mono")
        resampler = av.AudioResampler(
            stream.codec_context.codec.audio_formats[0].name, "mono", 8_000
        )
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound.reshape(1, -1)), "s16", "mono"
        )
        frame.sample_rate, frame.pts = 8_000, 0
        for some in resampler.resample(frame):
            out.mux(stream.encode(some))
        out.mux(stream.encode(None))
    return file.getvalue()


LABELLED = {
    "audio/basic": "pcm_mulaw",
    "audio/PCMU;rate=8000": "pcm_mulaw",
    "audio/x-alaw": "pcm_alaw",
    "audio/pcm;encoding=mulaw": "pcm_mulaw",
    "audio/L16;rate=8000": "pcm_s16be",
    "audio/L16 ;rate=8000": "pcm_s16le",  # as many servers send it
    "audio/L24;rate=8000": "pcm_s24be",
    "audio/pcm;bits=24;rate=8000": "pcm_s24le",
    "audio/pcm;bits=32;rate=8000": "pcm_s32le",
    "audio/pcm;bits=8;rate=8000": "pcm_u8",
    "audio/pcm;encoding=s8;rate=8000": "pcm_s8",
    "audio/pcm;encoding=float;rate=8000": "pcm_f32le",
    "audio/pcm;encoding=float;endianness=big;rate=8000": "pcm_f32be",
    "audio/pcm;encoding=float;bits=64;rate=8000": "pcm_f64le",
}


@pytest.mark.slow
@pytest.mark.parametrize("label", LABELLED)
def test_samples_are_decoded_as_their_label_says(label):
    sound = np.concatenate([np.zeros((700, 1), "<i2"), tone(3_000, rate_hz=8_000)])
    data = raw(LABELLED[label], sound)
    outcomes = []
    for declared, size in (("pcm", 1), (None, 13), ("pcm", 1000), (None, 1 << 20)):
        blocks = decode(AutoDecoder(declared, label), in_pieces(size, data))
        assert {block.rate_hz for block in blocks} == {8_000}
        outcomes.append(to_float32(joined(blocks)))
    error = np.abs(outcomes[0] - to_float32(sound)).max()
    assert error < (
        0.02 if LABELLED[label] in ("pcm_mulaw", "pcm_alaw", "pcm_u8", "pcm_s8") else 1e-4
    )
    assert all(np.array_equal(other, outcomes[0]) for other in outcomes)


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_every_code_of_g711_is_decoded_as_libav_does(law):
    codes = bytes(range(256))
    context = av.CodecContext.create(f"pcm_{law}", "r")
    context.sample_rate, context.layout = 8_000, "mono"
    (frame,) = context.decode(av.Packet(codes))
    blocks = decode(make_decoder("pcm", coding=RawCoding(law, 1)), [codes])
    assert np.array_equal(joined(blocks)[:, 0], frame.to_ndarray()[0])


@pytest.mark.parametrize("order", ["<", ">"])
def test_silence_does_not_decide_the_byte_order(order):
    sound = np.concatenate([np.zeros((5_000, 2), np.int16), tone(2_000, 2) // 300])
    data = sound.astype(f"{order}i2").tobytes()
    for size in (7, 1 << 20):
        blocks = decode(AutoDecoder("pcm", "audio/l16;channels=2"), in_pieces(size, data))
        assert np.array_equal(joined(blocks), sound)


# --- samples under the name of another format


@pytest.mark.parametrize(
    "label", ["audio/mpeg", "audio/wav", "audio/ogg", "audio/flac", "audio/webm", "audio/aac"]
)
def test_samples_under_a_wrong_name_are_played_and_reported(label):
    for lead, size in product((0, 3, 9_000), (13, 1000, 1 << 20)):
        sound = np.concatenate([np.zeros((lead, 1), "<i2"), tone(6_000)])
        reported = []
        decoder = AutoDecoder("pcm", label, on_mislabelled=reported.append)
        blocks = decode(decoder, in_pieces(size, sound.tobytes()))
        assert (decoder.name, reported) == ("pcm", [label])
        assert np.array_equal(joined(blocks), sound)


@pytest.mark.parametrize("label", ["audio/pcm", "application/octet-stream", None, "audio/l16"])
def test_samples_under_their_own_name_are_not_reported(label):
    reported = []
    decoder = AutoDecoder("pcm", label, on_mislabelled=reported.append)
    decode(decoder, [tone(6_000).tobytes()])
    assert (decoder.name, reported) == ("pcm", [])


def test_a_wrong_name_is_not_believed_if_samples_were_not_requested():
    _, fault = decode_until_fault(AutoDecoder("mp3", "audio/mpeg"), [noise(50_000).tobytes()])
    assert fault is not None


def test_noise_under_the_name_of_mp3_is_samples():
    for seed in range(20):
        sound = noise(4_000, seed=seed)
        decoder = AutoDecoder("pcm", "audio/mpeg")
        assert np.array_equal(joined(decode(decoder, [sound.tobytes()])), sound)
