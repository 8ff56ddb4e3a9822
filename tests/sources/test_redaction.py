from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.config.server import Server
from voicecli.sanitize import clean
from voicecli.sources.redaction import Redactor

KEY = "sk-proj-0123456789/abc+DEF"

SPELLINGS = {
    "plain": KEY,
    "JSON": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "JSON, upper case": "".join(f"\\u{ord(c):04X}" for c in KEY),
    "JSON, in part": "".join(c if i % 2 else f"\\u{ord(c):04x}" for i, c in enumerate(KEY)),
    "JSON, slashes": KEY.replace("/", "\\/"),
    "URL": "".join(f"%{ord(c):02X}" for c in KEY),
    "HTML": "".join(f"&#{ord(c)};" for c in KEY),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64, shifted": base64.b64encode(f"x{KEY}yy".encode()).decode(),
    "base64 of a header": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"xx{KEY}y".encode()).decode(),
    "coloured": "\x1b[0m".join(KEY),
    "cut short": KEY[:-4],
    "coloured, in JSON": "\\u001b[0m".join(KEY),
    "JSON in JSON": "".join(f"\\\\u{ord(c):04x}" for c in KEY),
    "with invisible spaces": "\u200b".join(KEY),
    "folded": f"{KEY[:9]}\n   {KEY[9:]}",
    "without its beginning": KEY[3:],
    "upper case": KEY.upper(),
    "hexadecimal": KEY.encode().hex().upper(),
    "URL, thrice": "".join(f"%2525{ord(c):02x}" for c in KEY),
    "HTML, with zeros": "".join(f"&#x{ord(c):06x};" for c in KEY),
    "HTML, by name": KEY.replace("+", "&plus;").replace("/", "&sol;"),
    "JavaScript": "".join(f"\\u{{{ord(c):x}}}" for c in KEY),
    "Python": "".join(f"\\U{ord(c):08x}" for c in KEY),
    "octal": "".join(f"\\{ord(c):03o}" for c in KEY),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
class TestSpellings:
    def test_the_key_is_hidden(self, spelling):
        shown = Redactor([KEY]).text(f"your key {spelling} is bad: ö")
        assert shown.startswith("your key ")
        assert "(the key)" in shown
        assert shown.endswith(" is bad: ö")
        assert not any(part in shown for part in (spelling[4:-4], "0123456789"))

    def test_it_is_hidden_in_the_chunks_of_a_text(self, spelling):
        body = f'{{"error": "your key {spelling} is bad"}}'.encode()
        for size in (1, 2, 3, 7, 1000):
            assert received(body, size) == Redactor([KEY]).data(body), f"chunks of {size} bytes"


def received(body, size, secret=KEY):
    chunks = (body[i : i + size] for i in range(0, len(body), size))
    return b"".join(Redactor([secret]).stream(chunks))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("spelling", [KEY, base64.b64encode(KEY.encode()).decode()])
def test_audio_keeps_its_length(spelling, size):
    noise = random.Random(0).randbytes(50)
    body = b"OggS\0\2" + noise + spelling.encode() + noise
    clean = received(body, size)
    assert len(clean) == len(body)
    assert clean.startswith(b"OggS\0\2" + noise)
    assert clean.endswith(noise)
    assert spelling[2:-3].encode() not in clean


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32-le"])
def test_text_in_other_encodings(encoding):
    """A terminal shows no NUL, so that what is left of UTF-16 is the key."""
    shown = Redactor([KEY]).data(f"your key {KEY} is bad".encode(encoding))
    assert KEY.encode() not in shown.replace(b"\0", b"")


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    "spelled",
    [KEY.encode("utf-16"), SPELLINGS["JSON"].encode(), SPELLINGS["HTML"].encode()],
    ids=["UTF-16", "JSON", "HTML"],
)
def test_tags_of_audio(spelled, size):
    """ID3 has UTF-16; whatever else is in tags may be cut by chunks as well."""
    noise = random.Random(1).randbytes(50)
    body = b"ID3\4" + noise + spelled + noise
    clean = received(body, size)
    assert len(clean) == len(body)
    assert spelled[2:-8] not in clean


def test_a_key_that_the_end_cuts_is_hidden():
    assert Redactor([KEY]).text(f"bad key: {KEY[:-3]}") == "bad key: (the key)"
    assert received(f"bad key: {KEY[:-3]}".encode(), 5) == b"bad key: (the key)"


def test_a_long_text_is_not_held_for_ever():
    text = b"this could be audio as well. " * 10_000
    assert received(text, 1000) == text


@pytest.mark.parametrize("secrets", [[], ["voice"], ["pass"]])
def test_short_words_are_not_secrets(secrets):
    text = "pass the voice"
    assert Redactor(secrets).text(text) is text
    assert b"".join(Redactor(secrets).stream([b"a", b"b"])) == b"ab"


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_other_bytes_stay_as_they_are(body, size):
    assert received(body, size) == body
    assert Redactor([KEY]).data(body) == body


@pytest.mark.parametrize("secret", [KEY, "hdr-Jd93kLx0PqWe72bN"])
def test_a_key_that_a_message_s_limit_cuts_is_hidden(secret):
    for length in range(270, 300):
        cut = clean("x" * length + f" {secret} is bad, so there. " * 9, limit=300)
        shown = Redactor([secret]).text(cut)
        case = f"behind {length} characters: {shown[250:]}"
        assert secret[:7] not in shown, case
        assert shown.startswith("x" * length), case
        assert shown.endswith("…"), case


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("X-Tenant", "tok_Vb5nM8aSdF1gH6jK", True),
        ("X-Signature", "tok_Vb5nM8aSdF1gH6jK", True),
        ("Authorization", "Bearer tok_Vb5nM8aSdF1gH6jK", True),
        ("X-Title", "Newspaper", False),
        ("User-Agent", "Newspaper", False),
    ],
)
def test_the_headers_of_a_profile_are_secret_but_for_public_ones(name, value, is_secret):
    server = Server("http://h/v1", headers=((name, value),))
    text = f"you sent {value.split()[-1]}"
    assert (Redactor(server.all_secrets).text(text) != text) is is_secret
