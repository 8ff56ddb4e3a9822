"""More texts whose sentences are hard to tell apart; ``|`` stands where one ends.

Written down before they were tried, so that they say what people would, not what the code
does.
"""

ENGLISH = """\
He lives in Downing St. London.|She does not.
He said, 'Stop. Now.' and ran.|We stayed.
I saw Dr. No.|It was good.
Is that a no?|No.|It is a yes.
'Who's there?' she asked.|'It's me,' he said.
Send it to 5 Park Rd. Apt. 3 in Boston.|Thanks.
Mt. Everest is high.|Ft. Worth is not.
He is Lt. Col. Briggs of the U.S. Air Force.|She is a Sgt. in it.
Smith v. Jones was decided in 1999.|It stands.
The max. temp. was 5 °C.|It fell.
He earned his B.A. in 1990.|She has an M.Sc. from MIT.
Use the .env file.|Then restart.
The file is called a.out.|Run it.
We moved to Washington, D.C.|It is hot there.
Ms. A. B. Clark, Esq., left.|So did I.
See pp. 3 ff. in vol. 2, ed. Smith.|It is old.
"I won't," said Mr. O'Neil.|"Why not?"
It was the rock 'n' roll era.|It ended.
It happened ca. 300 B.C. in Rome.|Then came A.D. 1.
'Twas late.|'Tis early.
This is the Joneses' car.|It's old.
Approx. 3 hrs. later he woke.|It was dark.
Mix 3 oz. of rum.|Add 2 tbsp. sugar.
He asked: 'Why? When?' and left.|No answer.
Gen. Lee met Adm. Nelson, Capt. Cook and Rev. Green.|All drank.
He turned right on Fifth Ave. New York was loud.
I said no.|Nobody heard.
He lives in the U S.|Tell us now.
The dogs' owner said: 'No. Never.'|They left."""

GERMAN = """\
Er wohnt in der Hauptstr. 5 in Köln.|Sie nicht.
Das geschah am 3. Okt. 1990 in Berlin.|Alle feierten.
Die Fa. Müller & Co. KG liefert.|Wir zahlen.
Er kam z. B. Montag.|Sie kam nie.
Das ist Nr. 5 von 10.|Es fehlt Nr. 6.
»Komm. Sofort.« rief er.|Sie kam.
‚Halt. Stopp.‘ sagte er.|Wir hielten.
Ludwig II. baute Schlösser.|Er ertrank.
Siehe S. 12 ff. und Abb. 3.|Danke.
Es kostet 3,50 Euro inkl. MwSt. und Versand.|Gut.
Er ist Dipl.-Ing. bei Siemens.|Sie auch.
Wir treffen uns i. d. R. montags.|Heute nicht."""

FRENCH = """\
M. Dupont et Mme. Durand sont là.|Ils parlent.
Il est né en 50 av. J.-C. à Rome.|Il est mort.
Voir p. 12, art. 5, al. 2.|Merci.
« Arrêtez. Tout de suite. » dit-il.|Elle rit.
Le no. 5 est sorti.|Le n° 6 aussi.
Rendez-vous au 12 bd. Voltaire.|À bientôt.
Il a dit : « Non ! Jamais ! » et partit.|Silence.
Les fruits, les légumes, etc. sont chers.|Tant pis."""

SPANISH = """\
El Sr. García y la Sra. López llegaron.|Comieron.
Vive en EE. UU. desde 1990.|Es feliz.
¿Vienes?|¡Claro que sí!|Vamos.
Véase pág. 5 y cap. 3.|Gracias.
Nació en 44 a. C. en Roma.|Murió allí.
Ud. tiene razón.|Uds. no.
La avda. Central es larga.|La calle no.
Lo dijo el Dr. J. M. Pérez.|Nadie oyó."""

ITALIAN = """\
Il sig. Rossi e la sig.ra Bianchi arrivano.|Bene.
Il dott. Verdi abita in p.za Dante.|Lei no.
Vedi pag. 5, fig. 3, cap. 2.|Grazie.
Nacque nel 100 a.C. a Roma.|Morì lì.
«Basta. Adesso.» disse.|Tacquero.
Cani, gatti, ecc. sono animali.|Sì.
L'on. Bianchi parla.|Ascoltate."""

PORTUGUESE = """\
O Sr. Silva e a Sra. Costa vieram.|Foi bom.
Mora na Av. Brasil, n.º 5, Lisboa.|Eu não.
A Dra. Ana chegou às 10 h. da manhã.|Entrou.
Ver pág. 3 e cap. 5.|Obrigado.
V. Exa. tem razão.|Concordo.
Vive nos EUA.|Trabalha lá."""

DUTCH = """\
Dhr. Jansen en mevr. de Vries komen.|Ze zijn laat.
Zie blz. 5 e.v. en afb. 3.|Dank u.
Hij werkt bij Philips N.V. in Eindhoven.|Zij niet.
Dat is o.a. Piet zijn schuld.|Jammer.
Drs. P. zong dat.|Wij luisterden.
's Avonds is het stil.|'s Morgens niet.
Hij zei: 'Stop. Nu.' en ging.|Wij bleven."""

POLISH = """\
Prof. Kowalski i dr Nowak przyszli.|Było późno.
Mieszka przy ul. Długiej 5.|Ja nie.
To jest np. Polska.|Albo Czechy.
W 1990 r. wyjechał.|Nie wrócił.
Zob. s. 12 i rys. 3.|Dziękuję.
„Stój. Teraz.” krzyknął.|Stanął.
Pan inż. Wójcik mówi.|Słuchajcie.
Kupił chleb, mleko itp.|Potem wyszedł."""

TURKISH = """\
Dr. Yılmaz geldi.|Gitti.
Prof. Dr. Kaya ders veriyor.|Dinliyoruz.
Atatürk Cad. No. 5'te oturuyor.|Ben değil.
Bu konuda bkz. Tablo 3.|Teşekkürler.
M.Ö. 300 yılında oldu.|Bitti."""

RUSSIAN = """\
Он живёт на ул. Ленина, д. 5.|Она нет.
Это было в 1990 г. в Москве.|Все помнят.
А. С. Пушкин и Л. Н. Толстой писали.|Мы читали.
См. стр. 5 и рис. 3.|Спасибо.
Он купил хлеб, молоко и т. д.|Потом ушёл.
Проф. Иванов и акад. Петров спорят.|Мы ждём."""

HARDER = [
    (code, line)
    for code, lines in (
        ("en", ENGLISH), ("de", GERMAN), ("fr", FRENCH), ("es", SPANISH), ("it", ITALIAN),
        ("pt", PORTUGUESE), ("nl", DUTCH), ("pl", POLISH), ("tr", TURKISH), ("ru", RUSSIAN),
    )
    for line in lines.splitlines()
]  # fmt: skip
