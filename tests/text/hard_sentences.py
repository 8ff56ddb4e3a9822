"""Texts whose sentences are hard to tell apart; ``|`` stands where one ends."""

ENGLISH = """\
Dr. Smith came.|He left.
I met Mr. and Mrs. Jones.|They were kind.
Prof. Ada King teaches at St. John's.|She is strict.
Sen. Warren spoke to Gov. Brown.|Nobody listened.
The U.S. Army arrived.|It was late.
He lives in the U.S.|She does not.
She has a Ph.D. in physics.|He has none.
The meeting is at 5 p.m.|The dinner is later.
At 9 a.m. Eastern it begins.|Be there.
Call me at 10 a.m. tomorrow.|I will be up.
It costs $3.50 today.|Tomorrow it costs $4.00.
Pi is 3.14159 or so.|E is 2.718.
Version 2.0.1 is out.|Version 3 is not.
Visit example.com for more.|It is free.
See https://example.com/a.b?c=d for it.|Thanks.
Mail me at j.doe@example.com now.|I wait.
Open file.txt and run main.py first.|Then wait.
J. K. Rowling wrote it.|We read it.
George W. Bush won.|Al Gore lost.
E.g. cats sleep a lot.|I.e. they rest.
Fruit, e.g. Apples, is healthy.|Eat some.
Cats, dogs, etc. are pets.|Wolves are not.
We sell pens, paper, etc.|Come in.
It was Apple Inc. that won.|Google Inc. lost.
It was us vs. Them in the end.|We won.
It was Ali vs. Frazier.|Ali won.
No. 5 is alive.|No. 6 is not.
See Fig. 3 and Sec. 2 there.|Then go on.
Chapter 3, pp. 12 to 14, is short.|Read it.
He was born on Jan. 5 in Texas.|He moved.
Really?|Yes!|No.
What?!|You did it!
Wait... what is this?|Nothing.
Well…|I do not know.
“Hello there.”|She waved.
“Wait! Stop!” he cried.|Nobody did.
"Is it you?" she asked.|"It is," he said.
He said, "Go. Run. Now." and left.|We stayed.
(It was late. Very late.)|We slept.
He slept (see p. 5. Or not).|Then he rose.
This ends.[1]|That begins.
He is 5 ft. tall.|She is 6 ft. tall.
Yahoo! was a company.|So was Excite.
I like it.|iPhones are nice.
The answer is 42.|Ask again.
Press key 1, then 2.|Done.
We won 3-2.|They lost.
Plan B. is the next.|Plan A. is gone.
It happened in 1990.|The world changed.
She is No. 1!|He is No. 2.
i never use capitals.|it is easier.|You do.
Add approx. 5 g of salt.|Stir.
"""

GERMAN = """\
Dr. Müller kam.|Er ging.
Herr Prof. Dr. Meier lehrt hier.|Er ist streng.
Am 3. Oktober ist frei.|Am 4. nicht.
Das 19. Jahrhundert war lang.|Das 20. Jahrhundert auch.
Es gibt z. B. Hunde.|Und Katzen.
Es gibt z.B. Hunde.|Und Katzen.
Das heißt, d. h. Nein.|Oder ja.
Äpfel, Birnen usw. sind Obst.|Kohl nicht.
Wir haben ca. 20 Gäste.|Das reicht.
Das ist Nr. 5.|Das ist Nr. 6.
Es kostet 3,50 Euro.|Das ist viel.
Es sind 1.000 Leute da.|Alle warten.
„Komm her!“ rief sie.|Er kam.
„Gehst du?“, fragte er.|Sie nickte.
»Halt! Stopp!«, rief er.|Keiner hielt.
Der Hr. Schmidt bzw. Frau Schmidt kommt.|Gut.
Er kam um 3 Uhr.|Sie um 4.
Wirklich?|Ja!|Nein.
Siehe S. 12 und Abb. 3.|Dann weiter.
Das macht 5 %.|Das macht nichts.
Die Schmidt GmbH u. Co. KG lebt.|Sie wächst.
"""

FRENCH = """\
M. Dupont est là.|Il attend.
Bonjour M. Dupont.|Entrez.
Mme Durand et M. Petit sont là.|Ils parlent.
Le Dr. Martin arrive.|Il est tard.
« Bonjour. »|Elle sourit.
« Attends ! Reviens ! » cria-t-il.|Elle partit.
Vraiment ?|Oui !|Non.
Il est 10 h. 30 à Paris.|Il dort.
Voir p. 12 et fig. 3.|Puis continuez.
Cela coûte 3,50 euros.|C'est cher.
Les chiens, les chats, etc. sont là.|Ils dorment.
J.-P. Sartre écrit.|On lit.
C'est l'art. 5 du code.|Il est clair.
« Où vas-tu ? » demanda-t-il.|« Là-bas. »
L'O.N.U. est à New York.|Elle est grande.
Il a dit : « Non. »|Puis rien.
MM. Dupont et Durand viennent.|Enfin.
Env. 20 personnes sont là.|C'est assez.
"""

SPANISH = """\
El Sr. García vino.|Se fue.
La Sra. López y el Dr. Ruiz hablan.|Nadie oye.
¿Qué pasa?|¡Nada!|Bien.
¿De verdad?|¡Sí!|Vale.
Ud. viene mañana.|Yo no.
Vive en EE. UU. desde 1990.|Le gusta.
Hay perros, p. ej. galgos.|Y gatos.
Cuesta 3.50 euros.|Es caro.
Véase la pág. 12 y la fig. 3.|Sigue.
«Hola. Adiós.»|Se fue.
«¡Espera! ¡Para!», gritó.|Nadie paró.
Son las 5 p.m. en Madrid.|Duerme.
Mide aprox. 2 metros.|Es alto.
El art. 5 es claro.|El 6 no.
Perros, gatos, etc. duermen.|Yo no.
Es el núm. 7.|El otro es el 8.
"""

RUSSIAN = """\
Это г. Москва.|Она большая.
А. С. Пушкин писал.|Мы читаем.
Он живёт на ул. Ленина.|Она нет.
Коты, собаки и т. д. спят.|Я нет.
Это стоит 100 руб. за штуку.|Дорого.
Это было в 1990 г. в Москве.|Потом нет.
Правда?|Да!|Нет.
«Стой! Куда?» — крикнул он.|Она ушла.
— Привет.|Как дела?|— Хорошо.
Он сказал: «Нет».|И ушёл.
См. стр. 12 и рис. 3.|Потом дальше.
Т. е. он не придёт.|Жаль.
Это 3,5 кг.|Это много.
Напр. кошки спят.|Они правы.
Сайт example.com работает.|Заходи.
Ну…|Не знаю.
"""

JAPANESE = """\
今日は。|明日は！
「行く。」と言った。|彼は走った。
「行く。帰る。」と言った。|終わり。
本当ですか？|はい！|いいえ。
『走れメロス』を読んだ。|面白い。
（これは注です。）|次へ。
値段は3.5ドルです。|高い。
Ver. 2.0を使う。|新しい。
example.comを見て。|無料です。
えっ！？|まさか。
「はい。」|彼は頷いた。
東京、大阪、京都に行った。|楽しかった。
Dr. スミスが来た。|帰った。
そう……。|わからない。
AはBです。|BはCです。
"""

CHINESE = """\
今天很好。|明天呢？
“你好！”|他笑了。
“等等！别走！”|他喊。|没人停。
真的吗？|是的！|不是。
价格是3.5元。|很贵。
请看example.com网站。|免费。
（这是注释。）|继续。
《红楼梦》很长。|我读过。
他说：“走吧。”|我们走了。
版本2.0.1发布了。|很好。
真的吗?|我不信。
苹果、梨、香蕉都有。|都好吃。
什么？！|你说什么？
第一，吃饭；第二，睡觉。|完了。
"""

ARABIC = """\
مرحبا بك.|كيف حالك؟
هل هذا صحيح؟|نعم!|لا.
السعر 3.5 دولار.|هذا كثير.
جاء د. أحمد اليوم.|ثم ذهب.
قال: «تعال. اجلس.»|ثم سكت.
زر example.com الآن.|هو مجاني.
أولا، نأكل؛ ثم ننام.|انتهى.
ماذا؟!|لا أصدق.
"""

LANGUAGES = {
    "en": ENGLISH,
    "de": GERMAN,
    "fr": FRENCH,
    "es": SPANISH,
    "ru": RUSSIAN,
    "ja": JAPANESE,
    "zh": CHINESE,
    "ar": ARABIC,
}
CASES = [(code, line) for code, lines in LANGUAGES.items() for line in lines.splitlines()]
