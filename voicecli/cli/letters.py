"""How common characters are in the languages that older encodings were made for; pure.

A text read in the wrong encoding consists of rare letters, capitals inside words, symbols
between letters and mixed scripts. `surprise_bits` adds up how unlikely each character is
(its information content), so that readings of the same bytes can be compared.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENGLISH = "etaoinsrhldcumfpgwybvkxjzq"

ALPHABETS = {
    "English": _ENGLISH,
    "French": "esaitnrulodcmpévgfbhqàxèyjêzçôùâîûœïëkwæÿ",
    "German": "enirstadhulgocmbfkwzpvüäßöjyxqé",
    "Spanish": "eaosrnidlcutmpbgvyqóhfízjéáñxúükw",
    "Portuguese": "aeosirdntmuclpgvbfhãqéçázíjxóêúõàâôüwky",
    "Italian": "eiaonltrscdupmgvfbzhqèàkyòùìéwjx",
    "Dutch": "enairtodslghvmukcpbwjzfyxëéïóèüq",
    "Swedish": "eanrtsildomkgvhfupäcböåyjxwzéq",
    "Danish": "erntaisdlogmkfvubhpåyøæcjwzxéq",
    "Norwegian": "erntasioldgkmvfpubhåyjøcæwéòxz",
    "Finnish": "aintesloukämrvjhpydögcbfwzåšž",
    "Icelandic": "ranieustlgmkðfvdhóáíoþpböjyæéúýcx",
    "Catalan": "eaisrntloudcmpvgàqbfxéòhíjóçèúïüzy·",
    "Polish": "aioenrzwsctkydpmuljłgbhąęóśćżfńźvxq",
    "Czech": "oeantsilvrkdumpíchzáyjběéřčžýšůúfgťňóďxw",
    "Slovak": "oaenirvtslkdmpuchjbzáyýíčéšžťľúgňóďfôäĺŕx",
    "Hungarian": "eatlsnkriozáégmbyvdhupjöfcóőüíúűw",
    "Romanian": "eiarntulocsdpmăfvîgbşţzhâjxk",
    "Croatian": "aioenrjstuklvdmpgzbcčhšžćfđ",
    "Slovene": "eaionrsltjvkdpmuzbghčcšžfy",
    "Turkish": "aeinrlıkdtsmyuobüşvgzhcpçğöjfâîû",
    "Lithuanian": "iasoretnukmlpvdjgėbyųšžcąįūčęfhz",
    "Latvian": "aistreunmkoldpāvzēīgjbcšfņļūžķģčxh",
    "Estonian": "aiestlunokrdmvgpjhäbõüfcöyšžz",
    "Russian": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "Ukrainian": "оанивеіртслкудмпязьгйбчхцїюжєшщфґ",
    "Bulgarian": "аиоентрсвлкдпмзгяъубчцйжщхюшфьэы",
    "Serbian": "аиоенрсујктвдмплгзбчшцжћхњђфљџ",
    "Greek": "ατοιενρσκηπςυμλίόάγέδήωχθύφβζξώψϊϋΐΰ",
    "Hebrew": "יוהלרבתמאשנעםדקחפסכגטצןזךףץ",
    "Arabic": "اليمونرتبةعدسفهكقأحجشطصىخإذضغزثءآظئؤ",
    "Persian": "ایردنهومتبسلکشزفگعخقجآپحطصذچضغثظژئ",
    "Thai": "านรอกเ่งมยล้วดทส็ตะปบคหแจพัิีุูชขใไถผณ์ซโธำญภษศฐฟฉฝฮฆๆ",
}
"""The letters of languages with an alphabet, the commonest first."""


class _LargeScript(NamedTuple):
    common: frozenset[str]
    charset: str
    daily_rows: range  # lead bytes of its characters in daily use


_KANA = "".join(map(chr, range(0x3041, 0x30FF)))

_LARGE_SCRIPTS = {
    "Chinese": _LargeScript(
        frozenset(
            "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里"
            "用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实"
            "日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政"
            "美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员"
            "解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件"
            "计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象"
            "完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运谢您京错误"
            "欢迎请找"
        ),
        "gb2312",
        range(0xB0, 0xD8),
    ),
    "traditional Chinese": _LargeScript(
        frozenset(
            "的一是不了在人有我他中上大和地到以要就出可也你生能而子那得下自之年作用道行所家事成方多去法如都同面起"
            "看定天分好小部其些主理心她本前因只日者意力它把十民第公此已工使情明性知全三又正外高由很最重物手向文相"
            "這個們來為國說時會對學過發後裡種經麼當沒動還進樣開實軍無與長機問業將兩間應戰頭體見產話東兒聲員論處義"
            "幾認條係題別變總電數報結務場計資統區達強難權張規萬覺術領傳師觀讓識帶導爭運謝錯誤歡請檔臺灣妳"
        ),
        "big5",
        range(0xA4, 0xC7),
    ),
    "Japanese": _LargeScript(
        frozenset(
            _KANA
            + "日一人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小"
            "七山話女北午百書先名川千水半男西電校語土木聞食車何南万毎白天母火右読友左休父雨国世界私会社用方事者部思"
            "同自手場合新田目地物体動度明京良"
        ),
        "euc_jp",
        range(0xB0, 0xD0),
    ),
    "Korean": _LargeScript(
        frozenset(
            "이다에의는로하을가고지서한은기으년대사시를리도인스일안녕세요감합니습해나어자있그수아것정보들라만주제게"
            "과여상부전장원구동성무우와조마말면거파트음실생소내위적계모진당중오방선연비"
        ),
        "euc_kr",
        range(0xB0, 0xC9),
    ),
}

LANGUAGES = (*ALPHABETS, *_LARGE_SCRIPTS)

_FIRST_BITS, _RANKS_PER_BIT = 2.6, 5.0
"""A letter of rank r has 2.6 + r / 5 bits: nearly the frequencies of English and Russian."""

_LATIN_BITS = 1.0
"""A Latin letter in a language of another script has that much more."""

_INITIAL_BITS, _CAPITALS_BITS, _INNER_CAPITAL_BITS = 2.0, 0.5, 7.0
"""A capital that begins a word, follows another capital, or stands inside a word."""

_SMALL_BITS = 4.0
"""A small letter behind two capitals."""

_SPACE_BITS, _ASCII_BITS, _RARE_ASCII_BITS = 5.0, 6.0, 10.0
_USUAL_BITS, _SYMBOL_BITS, _FOREIGN_BITS, _INVALID_BITS = 8.0, 11.0, 13.0, 22.0
_BESIDE_BITS, _MIXED_BITS, _CHANGE_BITS = 5.0, 9.0, 5.0
"""A symbol or digit beside a letter; two scripts, or a final letter, inside a word; a change to or
from a large script."""

_COMMON_BITS, _FULL_WIDTH_BITS, _DAILY_BITS, _RARE_BITS = 7.5, 7.0, 13.0, 19.0
"""Of the characters of a large script, of which some 3,000 are in daily use."""

_USUAL = frozenset("‘’“”„–—…«»•€°¿¡©®£§·™²³½¼×÷±µ¶‰†‡ªº¥")
_OPENING, _CLOSING = frozenset("¿¡£§©„¥¶±"), frozenset("²³½¼°®™ªº‰")
"""Some of them stand before words only, some behind them."""

_FULL_WIDTH = frozenset("，。、！？：；“”‘’（）「」『』《》…—·～〜　")

_FINAL = frozenset("ςךםןףץ")
"""Forms that letters have at the end of a word only."""

_NOT_LATIN_FROM = "\u0370"
_LARGE_FROM = "\u3000"


def surprise_bits(text: str, language: str) -> float:
    """Return how unlikely a text is in one of `LANGUAGES`, in bits.

    U+FFFD stands for bytes that the encoding does not have.
    """
    if language in _LARGE_SCRIPTS:
        return _large_bits(text, _LARGE_SCRIPTS[language])
    ranks = _ranks(language)
    bits = 0.0
    before = last = " "
    for character in text:
        bits += _character_bits(character, ranks) + _neighbour_bits(last, character)
        if character.isalpha():
            bits += _case_bits(before, last, character)
        before, last = last, character
    return bits


@cache
def _ranks(language: str) -> Mapping[str, float]:
    """Return the bits of each letter of an alphabet."""
    letters = ALPHABETS[language]
    bits = {letter: _FIRST_BITS + rank / _RANKS_PER_BIT for rank, letter in enumerate(letters)}
    if letters[0] >= _NOT_LATIN_FROM:
        latin = _ranks("English")
        bits |= {letter: latin[letter] + _LATIN_BITS for letter in latin}
    return bits


def _character_bits(character: str, ranks: Mapping[str, float]) -> float:
    if (bits := ranks.get(character.lower())) is not None:
        return bits
    if character == "\ufffd":
        return _INVALID_BITS
    if character.isascii():
        if character.isalpha():
            return _RARE_ASCII_BITS
        return _SPACE_BITS if character.isspace() or character.isdigit() else _ASCII_BITS
    if character in _USUAL:
        return _USUAL_BITS
    return _SYMBOL_BITS if _is_symbol(character) else _FOREIGN_BITS


def _is_symbol(character: str) -> bool:
    """Whether a character is neither ASCII nor a letter, an accent or usual punctuation."""
    if character.isascii() or character.isalpha() or character in _USUAL:
        return False
    return not unicodedata.category(character).startswith("M")


def _neighbour_bits(last: str, character: str) -> float:
    """Return what it adds that one character follows another."""
    if last.isalpha() and character.isalpha():
        return _MIXED_BITS if last in _FINAL or _is_mixed(last, character) else 0.0
    if character.isalpha():
        is_odd = _is_symbol(last) or last in _CLOSING or (last.isdigit() and character > "\x7f")
    elif last.isalpha():
        is_number = character.isdigit() and last > "\x7f"
        is_odd = _is_symbol(character) or character in _OPENING or is_number
    else:
        is_odd = False
    return _BESIDE_BITS if is_odd else 0.0


def _case_bits(before: str, last: str, letter: str) -> float:
    """Return what the case of a letter adds, behind the two characters before it."""
    if letter != letter.lower():
        if not last.isalpha():
            return _INITIAL_BITS
        return _CAPITALS_BITS if _is_capital(last) else _INNER_CAPITAL_BITS
    return _SMALL_BITS if _is_capital(last) and _is_capital(before) else 0.0


def _is_capital(character: str) -> bool:
    return character.isalpha() and character != character.lower()


def _is_mixed(one: str, other: str) -> bool:
    """Whether one letter is ASCII, and the other of no Latin script."""
    low, high = sorted((one, other))
    return low.isascii() and high >= _NOT_LATIN_FROM


def _large_bits(text: str, script: _LargeScript) -> float:
    """Return the same for a script of thousands of characters."""
    latin = _ranks("English")
    bits = 0.0
    last = " "
    for character in text:
        if character < "\x80":
            bits += _character_bits(character, latin) + _LATIN_BITS * character.isalpha()
        else:
            bits += _large_character_bits(character, script)
        low, high = sorted((last, character))
        if low.isascii() and low.isalpha() and high >= _LARGE_FROM:
            bits += _CHANGE_BITS
        last = character
    return bits


def _large_character_bits(character: str, script: _LargeScript) -> float:
    if character in script.common:
        return _COMMON_BITS
    if character in _FULL_WIDTH:
        return _FULL_WIDTH_BITS
    if character == "\ufffd":
        return _INVALID_BITS
    if not character.isalpha():
        return _SYMBOL_BITS + _BESIDE_BITS
    try:
        is_daily = character.encode(script.charset)[0] in script.daily_rows
    except UnicodeEncodeError:
        is_daily = False
    return _DAILY_BITS if is_daily else _RARE_BITS


def is_in_use(character: str) -> bool:
    """Whether a character is of `ALPHABETS`, usual punctuation, or of three bytes in UTF-8."""
    return character < "\x80" or character >= "\u0800" or character.lower() in _in_use()


@cache
def _in_use() -> frozenset[str]:
    return _USUAL.union(*ALPHABETS.values())
