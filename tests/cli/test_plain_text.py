from __future__ import annotations

import codecs
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.cli.plain_text import JUDGED_BYTES, PlainTextDecoder, check_encoding, plain_text

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",  # writes its own
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def decoded(data, cuts=()):
    decoder = PlainTextDecoder()
    text, begin = "", 0
    for cut in (*sorted(cuts), len(data)):
        text += decoder.feed(data[begin:cut])
        begin = max(begin, cut)
    return text + decoder.finish()


@given(
    text=st.text(alphabet="\x1b\x9b[]0;m\x07\\aé😀\x9cP( K\n", max_size=20),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    cuts=st.lists(st.integers(0, 80), max_size=6),
)
def test_the_same_text_comes_out_however_it_is_cut(text, encoding, cuts):
    data = ENCODINGS[encoding] + text.encode(encoding)
    whole = decoded(data)
    assert decoded(data, [min(cut, len(data)) for cut in cuts]) == whole
    assert whole.strip() == plain_text(text)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("\x1b[1;31merror:\x1b[0m it broke", "error: it broke"),
        ("\x1b]8;;http://x\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        ("ding\x07 dong\x01\x7f\x93", "ding dong"),
        ("one\ttwo\r\nthree\x0c\x85four", "one\ttwo\r\nthree\x0c\x85four"),
        ("می\u200cخواهم 👩\u200d🚀", "می\u200cخواهم 👩\u200d🚀"),
    ],
)
def test_escape_sequences_and_controls_are_left_out(text, spoken):
    assert plain_text(text) == spoken
    data = text.encode()
    assert decoded(data, range(len(data))) == spoken


@pytest.mark.parametrize("step", [1, 2, 3, 1_000])
def test_japanese_in_seven_bits_is_read_and_reported(step):
    text = "Hello. これは日本語です。 OK?\nもう一度。"
    data = text.encode("iso2022_jp")
    said = []
    decoder = PlainTextDecoder(notify=said.append)
    got = "".join(decoder.feed(data[at : at + step]) for at in range(0, len(data), step))
    assert got + decoder.finish() == text
    assert len(said) == 1
    assert "ISO-2022-JP" in said[0]


@given(cuts=st.lists(st.integers(0, 80), max_size=6))
def test_escapes_in_utf_8_are_not_japanese(cuts):
    data = "é \x1b(B one \x1b$ two \x1b$B three\x1b".encode()
    assert decoded(data, [min(cut, len(data)) for cut in cuts]) == decoded(data)
    assert decoded(b"plain \x1b(B\x1b[m text\x1b$") == "plain  text"


def test_a_character_cut_in_the_middle_waits_for_its_rest():
    decoder = PlainTextDecoder()
    data = "größer".encode()
    assert decoder.feed(data[:3]) == "gr"
    assert decoder.feed(data[3:]) == "ößer"
    assert decoder.feed(b"\xc3") == ""
    assert decoder.finish() == ""


def test_an_escape_sequence_without_an_end_holds_back_a_bounded_amount():
    decoder = PlainTextDecoder()
    assert decoder.feed(b"before \x1b]0;" + b"x" * 5000) == "before "
    assert decoder.feed(b"after") == "after"


FRENCH = "Le garçon a mangé une crème brûlée à l'hôtel. "
RUSSIAN = "Сегодня хорошая погода, и мы идём гулять. "


def heard(data, *, pieces=None, encoding=None):
    """The text, and what was told about its encoding."""
    told = []
    decoder = PlainTextDecoder(encoding, told.append)
    size = pieces or len(data) or 1
    text = "".join(decoder.feed(data[at : at + size]) for at in range(0, len(data), size))
    return text + decoder.finish(), told, decoder.is_binary


class TestNotUtf8:
    @pytest.mark.parametrize("pieces", [None, 1000, 13])
    @pytest.mark.parametrize(
        ("text", "encoding", "name"),
        [
            (FRENCH, "cp1252", "WINDOWS-1252"),
            (RUSSIAN, "cp1251", "WINDOWS-1251"),
            (FRENCH * 400, "cp1252", "WINDOWS-1252"),
            ("Plain English first. " * 1000 + RUSSIAN * 20, "cp1251", "WINDOWS-1251"),
            ("Hello, this has no mark.", "utf-16-le", "UTF-16-LE"),
            ("Hello, this has no mark.", "utf-16-be", "UTF-16-BE"),
            ("Hello, this has no mark.", "utf-32-le", "UTF-32-LE"),
        ],
    )
    def test_the_encoding_is_found_and_told_once(self, text, encoding, name, pieces):
        spoken, told, is_binary = heard(text.encode(encoding), pieces=pieces)
        assert spoken == text
        assert told == [f"is not UTF-8 and is read as {name}; --encoding NAME overrides that"]
        assert not is_binary

    def test_a_given_encoding_is_not_guessed(self):
        assert heard("Zażółć".encode("iso8859-2"), encoding="iso8859-2") == ("Zażółć", [], False)
        assert heard("Hi é".encode(), encoding="cp1252")[0] == "Hi Ã©"
        assert heard("Hé".encode("utf-16"), encoding="utf-16")[0] == "Hé"
        assert heard("Hé".encode("utf-8-sig"), encoding="utf-8")[0] == "Hé"

    def test_bytes_that_are_wrong_in_the_given_encoding_are_an_error(self):
        with pytest.raises(UnicodeDecodeError):
            heard(b"caf\xe9 noir", encoding="utf-8")
        with pytest.raises(UnicodeDecodeError, match="cp1252"):
            heard(b"a\x81b", encoding="cp1252")

    @pytest.mark.parametrize("pieces", [None, 1])
    def test_a_few_bad_bytes_in_utf_8_are_left_out_and_told(self, pieces):
        data = "Größe, Maße, Füße, ".encode() + b"\xff\xfe" + " und Bäume".encode()
        spoken, told, _ = heard(data, pieces=pieces)
        assert spoken == "Größe, Maße, Füße,  und Bäume"
        assert told == ["has bytes that are not UTF-8, which are left out"]

    @pytest.mark.parametrize("pieces", [None, 1, 5])
    @pytest.mark.parametrize("last", ["é", "°", "€", "’", "…", "😀", "ł"])
    @pytest.mark.parametrize(
        "before", ["The price is 20 ", "Größe ", "Привет ", "你好，", "x" * 9000]
    )
    def test_a_last_character_that_is_cut_is_left_out_and_told(self, before, last, pieces):
        if last == "é" and not before[-1].isalpha() and before.isascii():
            before += "caf"
        pieces = pieces if len(before) < 100 else 1000
        for missing in range(1, len(last.encode())):
            if last != "é" and before.isascii() and len(last.encode()) - missing == 1:
                continue  # one byte alone may be a letter: see the next test
            spoken, told, _ = heard((before + last).encode()[:-missing], pieces=pieces)
            assert (spoken, told) == (
                before, ["ends inside a UTF-8 character, which is left out"]
            )  # fmt: skip

    @pytest.mark.parametrize(
        "text", ["A café", "Spaß", "voilà", "He goes «là»", "Variante Ä", "20 °", "déjà…", "Ja, já"]
    )
    def test_a_last_letter_in_another_encoding_is_no_cut_character(self, text):
        assert heard(text.encode("cp1252"))[0][-4:-1] == text[-4:-1]
        assert "read as" in heard(text.encode("cp1252"))[1][0]

    @pytest.mark.parametrize("pieces", [None, 13, 1])
    @pytest.mark.parametrize("is_first", [True, False])
    @pytest.mark.parametrize(
        ("text", "other", "encoding"),
        [
            (FRENCH, FRENCH, "cp1252"),
            (RUSSIAN, RUSSIAN, "cp1251"),
            (RUSSIAN, RUSSIAN, "koi8_r"),
            (FRENCH, RUSSIAN, "cp1251"),
            (FRENCH * 300, FRENCH * 300, "cp1252"),
            ("你好，世界。\n", FRENCH, "cp1252"),
            ("你好，世界。\n", "今天天气很好。\n", "gb18030"),
            ("GRÜẞE\n", "„MENÜ“ und «CAFÉ»\n", "cp1252"),
        ],
    )
    def test_words_of_utf_8_and_of_another_encoding_are_both_read(
        self, text, other, encoding, is_first, pieces
    ):
        parts = text.encode(), other.encode(encoding)
        data = b"".join(parts if is_first else reversed(parts))
        spoken, told, is_binary = heard(data, pieces=pieces)
        assert spoken == (text + other if is_first else other + text)
        (notice,) = told
        assert notice.startswith(("is only partly UTF-8; the rest is", "is not UTF-8 and is"))
        assert not is_binary

    @pytest.mark.parametrize("times", [1, 10])
    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("cp866", "Вчера мы так и не встретились. Там я был рад тем дням. "),
            ("cp1251", "Её звали Анна. «Ну и…» — сказал он. "),
            ("cp1251", "План дії затверджено, ці дії законні. "),
            ("cp949", "그는 첫 직장을 서울에서 구했다. 책 한 권, 창 밖, 큰 천. "),
            ("gb18030", "姓名 年龄 性别\n张三 25 女\n李四 30 男\n"),
            ("cp874", "รถ 5 คัน สี แดง ราคา ตาม แผน ที่วางไว้ "),
            ("cp1252", "“She is my fiancé…” he said. «Il est allé…» dit-elle. "),
        ],
    )
    def test_words_that_are_utf_8_by_chance_are_read_like_the_others(self, encoding, text, times):
        assert heard((text * times).encode(encoding))[0] == text * times

    def test_a_word_waits_for_its_end_no_longer_than_its_writer_pauses(self):
        decoder = PlainTextDecoder()
        assert decoder.feed(b"A caf\xe9. ") + decoder.settle() == "A café. "
        assert decoder.feed(b"un caf\xe9") == "un "
        assert decoder.settle() == "café"
        assert decoder.settle() == ""

    def test_half_a_character_of_utf_16_is_left_out_and_told(self):
        spoken, told, _ = heard(b"\xff\xfe" + "Hi é".encode("utf-16-le") + b"x")
        assert (spoken, len(told)) == ("Hi é", 1)

    def test_text_waits_for_its_encoding_no_longer_than_its_writer_pauses(self):
        decoder = PlainTextDecoder()
        assert decoder.feed(b"A caf\xe9. ") == ""
        assert decoder.settle() == "A café. "
        assert decoder.settle() == ""
        assert decoder.feed("Déjà vu".encode("cp1252")) == "Déjà vu"

    @pytest.mark.parametrize("pieces", [None, 1, 3, 4, 5])
    def test_the_words_before_count_wherever_the_text_is_cut(self, pieces):
        assert heard(b"A caf\xe9", pieces=pieces)[0] == "A café"
        assert heard("Он пьёт чай.".encode("cp1251"), pieces=pieces)[0] == "Он пьёт чай."

    def test_a_bounded_amount_waits(self):
        decoder = PlainTextDecoder()
        data = (FRENCH * (2 * JUDGED_BYTES // len(FRENCH))).encode("cp1252")
        given = len("".join(decoder.feed(data[at : at + 100]) for at in range(0, len(data), 100)))
        assert given == len(data)

    def test_no_replacement_character_is_ever_made(self):
        for data in (b"\x81\x8d caf\xe9 \x9d", b"caf\xe9", "Größe".encode()[:-2], b"\xe9"):
            assert "\ufffd" not in heard(data)[0]


@pytest.mark.parametrize(
    ("data", "is_binary"),
    [
        (b"a\0b", True),
        (b"\xff\xfea\0", False),
        (b"\xef\xbb\xbfa\0", True),
        (bytes(range(1, 256)) * 4, True),
        (b"ID3\x04\x00\x00\x00\x00\x00\x23TSSE" + b"\xff\xfb\x90\x64" * 10, True),
        (b"a caf\xe9", False),
    ],
)
def test_what_is_text_in_no_encoding_is_binary(data, is_binary):
    assert heard(data)[2] is is_binary


def test_names_of_encodings():
    assert check_encoding("Windows-1252") == "cp1252"
    assert check_encoding("latin1") == "iso8859-1"
    for wrong in ("nope", "rot13", "hex", "zlib", ""):
        with pytest.raises(ValueError, match="is not an encoding"):
            check_encoding(wrong)


UTF16 = {
    "English": "Hello there, this is a test.",
    "Russian": "Привет, это проверка голоса.\n",
    "a Russian word": "Да",
    "Greek": "Γειά σου Κόσμε, όλα καλά.",
    "Arabic": "مرحبا بالعالم",
    "Chinese": "你好,这是语音测试。一切正常,谢谢大家。",
    "Chinese without punctuation": "你好世界今天天气很好我们去公园散步吧",
    "Japanese": "こんにちは、これは音声のテストです。",
    "Korean": "안녕하세요, 음성 시험입니다.",
    "mixed": "Hello 你好 world, it is fine. " * 3,
}


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", UTF16)
def test_utf_16_without_a_mark_is_recognised_and_told(name, order):
    text = UTF16[name]
    data = text.encode(order)
    is_east_asian = text.encode("utf-8")[0] >= 0xE0  # whose first bytes may be ASCII
    for size in (len(data), 13) if is_east_asian else (len(data), 13, 1):
        spoken, told, is_binary = heard(data, pieces=size)
        assert not is_binary
        assert spoken == text
        assert told == [
            f"is not UTF-8 and is read as {order.upper()}; --encoding NAME overrides that"
        ]


@pytest.mark.parametrize("data", [b"\1\2Ready\1\2", b"\x0e\x0fok, go", b"\x07Hi there", b"a\x01b"])
def test_controls_in_utf_8_do_not_make_it_utf_16(data):
    spoken, told, is_binary = heard(data)
    assert (told, is_binary) == ([], False)
    assert spoken.encode() == bytes(byte for byte in data if byte >= 0x20)


def test_text_in_utf_8_loads_no_tables_of_letters():
    script = (
        "import sys; from voicecli.cli.plain_text import PlainTextDecoder; "
        "PlainTextDecoder().feed('Größe'.encode()); print('voicecli.cli.letters' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"
