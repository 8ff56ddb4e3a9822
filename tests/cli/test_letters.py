from __future__ import annotations

import pytest

from voicecli.cli.letters import ALPHABETS, LANGUAGES, is_in_use, surprise_bits


@pytest.mark.parametrize(
    ("usual", "odd", "language"),
    [
        ("ete", "zqx", "English"),
        ("Word", "wOrd", "English"),
        ("WORD", "WOrd", "English"),
        ("слово", "слovo", "Russian"),
        ("слово", "сл¶во", "Russian"),
        ("много", "мног5", "Russian"),
        ("¿Qué", "Qué¿", "Spanish"),
        ("5 m²", "5 ²m", "English"),
        ("λογος", "ςολογ", "Greek"),
        ("没有", "魃魈", "Chinese"),
        ("你好 Bob", "你好Bob ", "Chinese"),
        ("안녕", "쫌훠", "Korean"),
        ("こんにちは", "魑魅魍魎鬼", "Japanese"),
        ("café", "caf\ufffd", "French"),
    ],
)
def test_what_is_seldom_in_a_language_surprises(usual, odd, language):
    assert surprise_bits(usual, language) < surprise_bits(odd, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_own_language_surprises_least_or_nearly(language):
    texts = {
        "French": "Où êtes-vous allés pendant l'été ?",
        "Polish": "Dziękuję bardzo, że przyszedłeś.",
        "Russian": "Сегодня хорошая погода.",
        "Greek": "Καλημέρα κόσμε.",
        "Chinese": "今天天气很好。",
        "Korean": "안녕하세요 세계.",
    }
    for own, text in texts.items():
        assert surprise_bits(text, own) <= surprise_bits(text, language)


def test_no_letter_is_listed_twice():
    assert all(len(set(letters)) == len(letters) for letters in ALPHABETS.values())


def test_letters_in_use():
    assert all(map(is_in_use, "aÉßłĄЖάשسก你😀“€"))
    assert not any(map(is_in_use, "ɻɒʁԣ"))
