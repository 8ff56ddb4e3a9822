from __future__ import annotations

import pytest

from voicecli.cli.encoding import display_name, encoding_by_nuls, guess_encoding, is_damaged_utf8

TEXTS = [
    ("cp1252", "café"),
    ("cp1252", "It’s"),
    ("cp1252", "It costs €5."),
    ("cp1252", "It is 20° today."),
    ("cp1252", "It’s “quoted” text – with an em—dash…"),
    ("cp1252", "Un café, s'il vous plaît."),
    ("cp1252", "Le garçon a mangé une crème brûlée à l'hôtel."),
    ("cp1252", "Die Straße führt über den Fluß – schön."),
    ("cp1252", "¿Dónde está el niño? ¡Mañana será otro día!"),
    ("cp1252", "Não há nada de novo; amanhã começa a lição."),
    ("cp1252", "Rødgrød med fløde på."),
    ("cp1252", "Það er gott veður í dag, já."),
    ("cp1250", "Zażółć gęślą jaźń. Dziękuję bardzo, że przyszedłeś."),
    ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy."),
    ("cp1250", "Árvíztűrő tükörfúrógép."),
    ("cp1250", "Bună dimineaţa."),
    ("iso8859_2", "Zażółć gęślą jaźń. Dziękuję bardzo."),
    ("cp1254", "Bugün hava çok güzel, şimdi dışarı çıkıyoruz. İyi günler, ağaç."),
    ("cp1251", "Привет, мир!"),
    ("cp1251", "Да"),
    ("cp1251", "Сегодня хорошая погода, и мы идём гулять."),
    ("cp1251", "Доброго ранку! Сьогодні їжа смачна."),
    ("koi8_r", "Привет, мир! Сегодня хорошая погода, и мы идём гулять."),
    ("cp1253", "Καλημέρα κόσμε. Σήμερα είναι μια ωραία μέρα."),
    ("cp1255", "שלום עולם, היום יום יפה מאוד."),
    ("cp1256", "مرحبا بالعالم، اليوم يوم جميل جدا."),
    ("cp874", "สวัสดีชาวโลก วันนี้อากาศดีมาก"),
    ("cp932", "こんにちは世界。今日はとても良い天気です。"),
    ("euc_jp", "こんにちは世界。今日はとても良い天気です。"),
    ("gb18030", "你好，世界。今天天气很好，我们去散步吧。"),
    ("big5", "你好，世界。今天天氣很好，我們去散步吧。"),
    ("cp949", "안녕하세요 세계. 오늘은 날씨가 아주 좋습니다."),
]


@pytest.mark.parametrize(("encoding", "text"), TEXTS)
def test_a_text_is_read_as_it_was_written(encoding, text):
    data = text.encode(encoding)
    found = guess_encoding(data)
    assert found is not None
    assert data.decode(found) == text


def test_a_text_whose_beginning_fits_several_is_windows_1252():
    """What follows may have letters that are others in windows-1250."""
    assert guess_encoding("The café is closed. ".encode("cp1252") * 5) == "cp1252"


def test_utf_16_and_32_without_a_mark_show_in_their_nuls():
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        assert encoding_by_nuls("Hello, größer.".encode(encoding)) == encoding
    for data in (b"", b"a\0b", b"\0\0\0\0\0\0\0\0", bytes(range(64)) * 4):
        assert encoding_by_nuls(data) is None


def test_utf_8_with_few_bad_bytes_is_still_utf_8():
    assert is_damaged_utf8("Größe, Maße, Füße".encode() + b"\xff")
    assert not is_damaged_utf8("Größe, Maße".encode("cp1252"))


def test_names_are_those_that_people_know():
    assert [display_name(name) for name in ("cp1252", "iso8859_2", "cp932")] == [
        "WINDOWS-1252", "ISO8859-2", "CP932",
    ]  # fmt: skip
