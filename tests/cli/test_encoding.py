from __future__ import annotations

import pytest

from voicecli.cli.encoding import (
    display_name,
    encoding_by_nuls,
    guess_encoding,
    is_damaged_utf8,
    second_encoding,
)

TEXTS = {
    "cp1251": (
        "Да", "нет", "так", "Ёлка", "їжак", "Хвала", "яблоко", "Ошибка", "Що це?", "Помилка",
        "Это тест", "Благодаря", "Hello, Мир", "Добрий день", "Слава Україні", "Спасибо большое",
        "Ошибка: файл не найден", "Он сказал «нет» и ушёл.",
        "Доброго ранку! Сьогодні їжа смачна.", "Привет, мир!",
        "Сегодня хорошая погода, и мы идём гулять.",
    ),
    "koi8_r": (
        "Да", "нет", "Привет", "Москва", "яблоко", "Это тест", "до свидания", "Спасибо большое",
        "Привет, мир! Сегодня хорошая погода, и мы идём гулять.",
    ),
    "cp866": (
        "Да", "нет", "СТОП", "Привет", "Москва", "спасибо", "Hello, Мир", "Файл сохранён",
        "Сегодня хорошая погода, и мы идём гулять.",
    ),
    "koi8_u": (
        "так", "їжак", "Привіт", "Готово", "Помилка", "Слава Україні",
    ),
    "cp1253": (
        "Ναι", "Όχι", "Γειά", "Αθήνα", "Σφάλμα", "Ευχαριστώ",
        "Καλημέρα κόσμε. Σήμερα είναι μια ωραία μέρα.",
    ),
    "cp1255": (
        "שלום", "שגיאה", "ישראל", "ירושלים", "תודה רבה", "מה שלומך?",
        "שלום עולם, היום יום יפה מאוד.",
    ),
    "cp1256": (
        "لا", "نعم", "ماء", "شكرا", "مرحبا", "أهلا وسهلا", "مرحبا بالعالم، اليوم يوم جميل جدا.",
    ),
    "cp874": (
        "ไม่", "น้ำ", "ขอบคุณ", "กรุงเทพ", "ประเทศไทย", "ข้อผิดพลาด",
        "สวัสดีชาวโลก วันนี้อากาศดีมาก",
    ),
    "gb18030": (
        "你好", "北京", "错误", "好的", "再见", "警告", "温度很低",
        "你好，世界。今天天气很好，我们去散步吧。",
    ),
    "big5": (
        "你好", "謝謝", "台北", "錯誤", "再見", "歡迎光臨",
        "你好，世界。今天天氣很好，我們去散步吧。",
    ),
    "cp932": (
        "東京", "はい", "大阪", "完了", "テスト", "さようなら", "ファイルが見つかりません",
        "こんにちは世界。今日はとても良い天気です。",
    ),
    "euc_jp": (
        "東京", "はい", "大阪", "エラー", "さようなら",
        "こんにちは世界。今日はとても良い天気です。",
    ),
    "cp949": (
        "안녕", "서울", "오류", "주의", "시험", "좋은 아침",
        "안녕하세요 세계. 오늘은 날씨가 아주 좋습니다.",
    ),
    "cp1252": (
        "Sí", "på", "où", "öl", "sø", "für", "più", "Ærø", "één", "Tür", "pão", "små", "I’m",
        "cœur", "você", "også", "It’s", "ÜBER", "müde", "João", "hyvä", "“No”", "naïve", "schön",
        "città", "Wait…", "caffè", "Barça", "perché", "Ísland", "garçon", "ESPAÑA", "lunedì",
        "déjà vu", "El Niño", "3½ cups", "Fußball", "fiancée", "pingüino", "jalapeño",
        "São Paulo", "Jyväskylä", "Räksmörgås", "Università", "smörgåsbord", "hyvää päivää",
        "It costs €5.", "¿Cómo estás?", "Où êtes-vous ?", "Das heißt „gut“", "Må jeg få en øl?",
        "Perché no? È così.", "Temperature: 21 °C", "Obrigado, até amanhã",
        "Fehler: Datei ungültig", "Übung macht den Meister", "L’été dernier, j’étais à la plage.",
        "Die Straße führt über den Fluß – schön.", "Não há nada de novo; amanhã começa a lição.",
        "café", "It is 20° today.", "It’s “quoted” text – with an em—dash…",
        "Un café, s'il vous plaît.", "Le garçon a mangé une crème brûlée à l'hôtel.",
        "¿Dónde está el niño? ¡Mañana será otro día!", "Rødgrød med fløde på.",
        "Það er gott veður í dag, já.",
    ),
    "cp1250": (
        "nő", "tűz", "źle", "čaj", "Łódź", "kuća", "šuma", "Škoda", "riječ", "vďaka", "băiat",
        "święta", "češnja", "děkuju", "fűszer", "książka", "Šibenik", "ľúbim ťa", "chłopiec",
        "bună ziua", "življenje", "Dobré ráno", "Ako sa máš?", "Jak się masz?",
        "gdzie są klucze?", "Brno je hezké město", "Árvíztűrő tükörfúrógép.",
        "Hogy vagy? Jól, köszönöm.", "Ce faci? Sunt bine, mulţumesc.",
        "Příliš žluťoučký kůň úpěl ďábelské ódy.",
        "Zażółć gęślą jaźń. Dziękuję bardzo, że przyszedłeś.", "Bună dimineaţa.",
    ),
    "iso8859_2": (
        "čaj", "żółw", "może", "Cześć", "łóżko", "prosím", "příště", "Dziękuję", "Jak się masz?",
        "Soubor byl uložen, můžete zavřít okno", "Zażółć gęślą jaźń. Dziękuję bardzo.",
    ),
    "cp1254": (
        "çay", "ışık", "şeker", "değil", "güneş", "Nasılsın?",
        "Bugün hava çok güzel, şimdi dışarı çıkıyoruz. İyi günler, ağaç.",
    ),
    "cp1257": (
        "õun", "tēja", "jõgi", "žąsis", "Tere päevast",
    ),
}  # fmt: skip
"""Words and sentences in each encoding; more than half of them are shorter than 12 letters."""


@pytest.mark.parametrize(
    ("encoding", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts]
)
def test_a_text_is_read_as_it_was_written(encoding, text):
    data = text.encode(encoding)
    found = guess_encoding(data)
    assert found is not None
    assert data.decode(found) == text


@pytest.mark.parametrize("sign", ["180°C", "5 µm", "3 × 4", "§ 12", "¥500", "à la carte", "naïve"])
def test_one_sign_in_a_long_english_text_is_read_as_windows_1252(sign):
    text = "Mix the flour with the sugar until it is smooth. " * 12 + f"Then {sign} is right."
    assert text.encode("cp1252").decode(guess_encoding(text.encode("cp1252"))) == text


@pytest.mark.parametrize("times", [1, 12])
@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("koi8_r", "УКАЗ ПРЕЗИДЕНТА РОССИЙСКОЙ ФЕДЕРАЦИИ. "),
        ("cp850", "Größe des Gebäudes, Straße und Tür. "),
        ("cp850", "Tür zu! "),
        ("cp1255", "שלום עולם, היום יום יפה מאוד. "),
    ],
)
def test_headings_and_terminals_are_read_as_they_were_written(encoding, text, times):
    data = (text * times).encode(encoding)
    assert data.decode(guess_encoding(data)) == text * times


@pytest.mark.parametrize("text", ["one\0two\0three\0", "Hello\0world", "The end.\0"])
def test_words_between_nuls_are_no_text(text):
    assert guess_encoding(text.encode()) is None


@pytest.mark.parametrize("encoding", ["iso8859_5", "mac_cyrillic"])
def test_charset_normalizer_proposes_further_encodings(encoding):
    text = "Сегодня хорошая погода, и мы идём гулять. Здравствуйте, меня зовут Анна."
    assert text.encode(encoding).decode(guess_encoding(text.encode(encoding))) == text


def test_words_of_utf_8_do_not_count_as_evidence():
    mixed = "Größe und Maße, ".encode() * 3 + "Zażółć gęślą jaźń, ".encode("cp1250") * 2
    for data in (mixed, mixed * 40):
        assert guess_encoding(data) == "cp1250"
        assert second_encoding(data) == "cp1250"
    french = "Le garçon a mangé une crème brûlée à l'hôtel.\n".encode()
    assert guess_encoding(french + "Сегодня хорошая погода.".encode("cp1251")) == "cp1251"


@pytest.mark.parametrize("junk", [b"\xff\xfe", b"\xff\xfe\xfd", "é".encode()[:1]])
def test_a_few_wrong_bytes_are_in_no_second_encoding(junk):
    assert second_encoding("Größe, Maße, ".encode() + junk + " und Füße".encode()) is None


def test_a_character_that_is_cut_is_in_no_second_encoding():
    assert second_encoding("Größe, Maße, Fü".encode()[:-1]) is None


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
