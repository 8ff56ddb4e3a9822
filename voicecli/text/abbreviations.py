"""Abbreviations that end in a full stop, by language: what sentencex misses.

All in lower case, without the final full stop.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ABBREVIATIONS = {
    "en": _words(
        "dr mr mrs ms prof vs approx dept est min max viz cf resp apt bldg ed eds vol vols ext fig "
        "figs para tbsp tsp temp hrs mins lbs oz mph"
    ),
    "de": _words(
        "bzw ca evtl ggf inkl exkl zzgl u.a z.b d.h o.ä str abb bd fa hr fr nr tel vgl zt bspw "
        "mwst s.o s.u geb gest verh einschl ausschl"
    ),
    "fr": _words(
        "m mm mme mmes mlle mgr dr pr me cf env art h bd boul av no tél chap éd p pp al fig st ste"
    ),
    "es": _words(
        "sr sra sres srta dr dra ud uds pág págs núm aprox avda cap fig tel izq dcha ing lic "
        "arq gral ee art prof"
    ),
    "it": _words(
        "sig sigg sig.ra dott dott.ssa prof ing avv pag pagg cap fig art l'on on geom rag spett "
        "tel p.za c.so v.le"
    ),
    "nl": _words(
        "dhr mevr mw bijv ca nr blz o.a d.w.z afb drs ir mr tel o.m i.p.v d.m.v t.a.v e.v resp"
    ),
    "pt": _words("sr sra srs dr dra prof profa pág págs av cap fig tel exa art eng r"),
    "pl": _words(
        "ul al pl os np tj tzn tzw dr prof mgr inż ks św im godz tel zob por rys tab s str r w "
        "m.in wg ok ww"
    ),
    "tr": _words("dr prof doç av sn cad sok mah apt bkz örn yy m.ö m.s s tel no"),
    "ar": _words("د أ"),
    "hi": _words("डॉ डा श्री सुश्री प्रो पं कि.मी रु"),
    "el": _words("κ κα κος δρ π.χ δηλ κλπ αρ σελ"),
    "sv": _words("t.ex bl.a d.v.s s.k nr kl st ca"),
    "da": _words("f.eks bl.a d.v.s nr kl ca"),
    "fi": _words("esim mm ns ts nro klo"),
    "cs": _words("např tj tzv č str mj ing mgr p"),
    "ru": _words("г гг ул им т.е т.к т.н напр стр рис руб тыс см"),
}

_OTHER_SCRIPTS = ("en", "ar", "el", "hi", "ru", "sv", "da", "fi", "cs")
"""Languages whose abbreviations count only in texts known to be in them."""

_OF_ANY = frozenset[str]().union(
    *(words for code, words in ABBREVIATIONS.items() if code not in _OTHER_SCRIPTS)
)
FOREIGN_BEFORE_NUMBER = _OF_ANY - _words("on no me al as por par r s w m h p")
"""Abbreviations of any Latin-script language that are not words if a number follows."""

FOREIGN = FOREIGN_BEFORE_NUMBER - _words(
    "mm art av pp st ste pr ing gral ok os pl ww im tab fr geb mah apt cap fig tel ca resp env "
    "chap boul bd hr ir fa zt str est eng tr sn rag cad geom gest ks lic verh"
)
"""Abbreviations of other languages that are never English words."""

WORDS_TOO = _words("ed max min est art cap mm me sig on fig")
"""Words or names if they begin with a capital, unless a number follows."""

ENGLISH_WORDS = _words("max min est art cap fig")
"""English words before a capital letter."""

LAST_OF_SENTENCE = _words("etc usw ecc enz itp itd vb u.s.w т.д т.п")
"""Abbreviations that end the sentence if a capital letter follows."""

NOT_ABBREVIATED = _words("кг км см мм мл га dat me")
"""Words and units that sentencex treats as abbreviations."""

STREETS = _words("st ave rd blvd ln hwy pkwy")
"""In an English address a place follows them, else a new sentence."""

ENGLISH_STARTERS = _words(
    "the a an it he she they we i you this that these those there but and so then if when what who "
    "where why how his her their our my your its no yes not in on at for now here one nobody "
    "everyone some most all"
)
"""Words that begin a sentence rather than the name of a place."""

GERMAN_AFTER_ORDINAL = (
    r"(?:Januar|Februar|März|Juni|Juli|Oktober|Dezember|Jh|Jahrhundert|Klasse|Stock|Etage"
    r"|Kapitel|Platz|Jahrestag|Geburtstag)\w*"
)
"""German nouns after ordinals, which are written as a number and a full stop."""

GERMAN_ONLY_AFTER_ORDINAL = r"(?:Jan|Feb|Mär|Apr|Mai|Aug|Sep|Okt|Nov|Dez|Mal)\w*"
"""The same if the language is known: they are words of other languages too."""
