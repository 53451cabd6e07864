"""Mere thanks in many languages, and what only looks like them."""

import time

import pytest

from gateway.mail.thanks import CHARACTERS, _table, fold, is_only_thanks
from gateway.mail.thanks_words import LANGUAGES

NAMES = ("Tom Reed", "Mia Jensen", "Blue Kettle", "Support Team", "山田花子")

THANKS = r"""
Thanks!
Thank you.
thx
Many thanks
THANK YOU SO MUCH!!!
Thanks a lot :)
thank you very much 🙏
Thanks again
ok thanks
Okay, thank you!
Great, thanks!
Perfect. Thank you.
Awesome, many thanks 😊
Got it, thanks
Thanks for your help!
Thank you for the quick reply.
Thank you for your help and support.
Thanks so much for your kind and quick help!
Thank you for everything
Thanks for getting back to me
Much appreciated!
I really appreciate it
Thanks, Tom
Thanks Mia!
Hi Mia, thank you so much! Best, Tom
Hello, many thanks. Have a nice day!
Dear Blue Kettle, thank you very much. Kind regards, Tom Reed
Cheers
Thank you\n\nBest regards\nThomas
Thanks <3
*Thank you!*
👍
🙏🙏🙏
👍🏽
Ok 👍
All good, thank you
Thank you both
Danke!
danke schön
Dankeschön 😊
Vielen Dank!
ok, vielen Dank 😊 LG Tom
Vielen lieben Dank für die schnelle Hilfe!
Herzlichen Dank für Ihre schnelle Antwort.
Besten Dank und viele Grüße
Hallo Mia,\n\nvielen Dank!\n\nMit freundlichen Grüßen\nTom Reed
Alles klar, danke
Super, danke!
Prima, vielen Dank und schönen Tag noch
Perfekt!
Nochmals vielen Dank
Danke euch und ein schönes Wochenende
Danke fuer die schnelle Rueckmeldung, Gruesse
Tausend Dank!! Liebe Grüße Anne-Marie
DANKE
Merci
merci beaucoup
Merci beaucoup pour votre aide !
Un grand merci pour votre réponse rapide.
Bonjour, merci bien. Bonne journée
Je vous remercie. Cordialement, Tom Reed
Parfait, merci 😊
D’accord, merci beaucoup
Mille mercis à toute l'équipe
Ok super merci
Merci pour votre réactivité et votre gentillesse
Gracias
¡Muchas gracias!
Muchísimas gracias por su ayuda
Mil gracias por la rápida respuesta. Un saludo
Perfecto, gracias
Vale, muchas gracias
Hola, muchas gracias. Saludos cordiales, José
Gracias por todo 🙂
Le agradezco su ayuda
Grazie
Grazie mille!
Grazie mille per l'aiuto
Perfetto, grazie. Buona giornata
Va bene, grazie
La ringrazio per la disponibilità. Cordiali saluti
Molto gentili, grazie ancora!
Bedankt!
Dank je wel
Hartelijk dank voor de snelle reactie
Top, bedankt
Prima, dank u wel. Met vriendelijke groet, Tom Reed
Super bedankt voor jullie hulp!
Heel erg bedankt. Fijne dag nog
Dziękuję
Dziękuję bardzo!
Bardzo dziękuję za szybką odpowiedź
Dzięki wielkie, miłego dnia
Super, dziękuję. Pozdrawiam, Tom
dziekuje bardzo za pomoc
Obrigado
Muito obrigada!
Muito obrigado pela ajuda
Perfeito, obrigado. Bom dia
Ok, obrigada pela resposta rápida
Agradeço a sua atenção. Cumprimentos
Teşekkürler
Çok teşekkür ederim
Yardımınız için teşekkür ederim
Tamam, sağ olun. İyi günler
TEŞEKKÜR EDERİM
Спасибо
Большое спасибо!
Спасибо большое за помощь
Хорошо, спасибо. Хорошего дня!
Благодарю вас за быстрый ответ. С уважением, Иван
Всё отлично, спасибо
Дякую
Дуже дякую за допомогу
Благодаря много
Tack!
Tack så mycket
Tusen tack för hjälpen
Perfekt, tack! Mvh Tom
Tack för snabbt svar, ha en bra dag
Tak
Mange tak for hjælpen
Tusind tak, hav en god dag
Tusen takk!
Takk for rask hjelp, hilsen Tom
Takk skal du ha
Kiitos
Kiitos paljon!
Kiitos nopeasta vastauksesta
Kiitos avusta, hyvää viikonloppua. Terveisin Matti
Děkuji
Děkuji moc za pomoc
Díky moc, hezký den
Moc děkuji za rychlou odpověď. S pozdravem
Ďakujem veľmi pekne
Köszönöm
Köszönöm szépen a gyors segítséget!
Rendben, köszi
Nagyon köszönöm. Üdvözlettel, Tom Reed
Mulțumesc
Vă mulțumesc pentru ajutor
Multumesc mult, o zi buna
Hvala
Hvala lijepa, pozdrav
Hvala vam na pomoći
Ευχαριστώ
Ευχαριστώ πολύ για τη βοήθεια
Σας ευχαριστώ, καλή συνέχεια
شكرا
شكراً جزيلاً
شكرا لكم على المساعدة
ممتاز، شكراً لك
جزاكم الله خيرا، مع تحياتي
السلام عليكم، شكرا جزيلا على سرعة الرد
תודה
תודה רבה!
תודה רבה על העזרה, יום טוב
מעולה, תודה
متشکرم
بہت شکریہ
धन्यवाद
आपकी मदद के लिए बहुत धन्यवाद
ありがとう
ありがとうございます
ありがとうございました。
本当にありがとうございます！
迅速なご対応ありがとうございました。
承知しました。ありがとうございます。
お世話になっております。ご返信ありがとうございます。今後ともよろしくお願いいたします。
誠に有難うございました。山田花子
ご丁寧な対応に感謝いたします
谢谢
谢谢！
非常感谢您的帮助
好的，谢谢
太感谢了，祝您生活愉快
感谢您的快速回复
謝謝您
謝謝你們的幫助
감사합니다
정말 감사합니다!
네, 감사합니다
빠른 답변 감사드립니다
도와주셔서 고맙습니다. 좋은 하루 되세요
Terima kasih
Terima kasih banyak atas bantuannya
Cảm ơn bạn nhiều
Maraming salamat po
ขอบคุณมากครับ
Thanks, merci!
Ok, thx, liebe Grüße
""".strip().splitlines()

NO_THANKS = r"""
Thanks, but it is still broken
Thanks, but no lid.
Thank you. When does it arrive?
Thanks?
Thanks for nothing
No thanks
No, thank you
Thanks in advance
Thank you for the refund, it was too little
Thanks, I will wait
Thanks, I got the wrong one
Thanks, it broke again
Thanks. Broken.
Thanks\nBroken
Thanks\nNothing
Yes, thanks
Yes please, thank you
Please help, thank you
Thank you, please send it again
ok, and the money?
Great, now the second one
Great. Not.
Perfect, except for the lid
Thanks, order 1042
Thanks 2
Thanks, see https://example.org/lid
Thanks, write to tom@example.org
Thanks, call me
Thanks 👎
Thanks 😡
Thanks :(
Thanks... still waiting
Still waiting
Hello
Hi Mia
Best regards, Tom
Hello Blue Kettle
Have a nice day
Quick help
quick reply thanks
Thank you for your
Thanks for the lid
Thanks for refunding
Thank you; where is it
Thanks/no
I am not happy, thanks
Never again, thanks
You are welcome to send it again, thanks
Thanks to you I lost money
Thank God it works not
ok ok ok what
Thanks -> see attachment
Thanks, Best, it fails
Thank you for your help. It did not work
Thanks for the quick answer, but that does not solve it
Cheers, still no parcel
Danke, und wann kommt das Geld?
Danke, aber der Deckel fehlt
Danke für nichts
Nein danke
Danke im Voraus
Vielen Dank im Voraus
Danke, geht nicht
Danke, es geht immer noch nicht
Danke. Kaputt.
Danke\nKaputt
Danke, ich warte noch
Danke, bitte noch einmal senden
Bitte
Alles klar, und die Rechnung
Super, und jetzt
Danke, Bestellung 1042
Vielen Dank für die Antwort, leider falsch
Danke für den Deckel, er passt nicht
Ja, danke
Danke, Deckel fehlt
Danke für die schnelle Lieferung, Deckel fehlt
Grüße
Viele Grüße, Tom
Hallo, wo bleibt mein Paket
Merci mais il manque le couvercle
Merci d'avance
Non merci
Merci de me rembourser
Merci de votre retour rapide sur ma question
Merci, ça ne marche pas
Merci. Et le remboursement ?
Oui merci
Merci, toujours rien reçu
Bonjour, où est mon colis
Cordialement
Gracias, pero sigue roto
Gracias de antemano
No gracias
Sí, gracias
Gracias, no funciona
Gracias, ¿cuándo llega?
Perfecto, falta la tapa
Gracias por nada
Hola
Grazie ma manca il coperchio
Grazie in anticipo
No grazie
Sì grazie
Grazie, non funziona
Grazie, quando arriva?
Grazie di niente, è rotto
Bedankt, maar het werkt niet
Alvast bedankt
Nee bedankt
Ja graag, bedankt
Bedankt, wanneer komt het?
Bedankt, nog steeds kapot
Dziękuję, ale nie działa
Z góry dziękuję
Nie, dziękuję
Tak, dziękuję
Dziękuję, kiedy dotrze?
Dzięki, brakuje pokrywki
Obrigado, mas falta a tampa
Desde já obrigado
Não, obrigado
Sim, obrigada
Obrigado, quando chega?
Obrigada, ainda não funciona
Teşekkürler ama hâlâ bozuk
Şimdiden teşekkürler
Hayır, teşekkürler
Teşekkürler, ne zaman gelir?
Teşekkürler, kapak yok
Спасибо, но не работает
Заранее спасибо
Нет, спасибо
Да, спасибо
Спасибо, когда придёт?
Спасибо, крышки нет
Спасибо за ничего
Дякую, але не працює
Благодаря, но не работи
Tack men det fungerar inte
Tack på förhand
Nej tack
Ja tack
Tack, när kommer den?
Tak, men låget mangler
Nej tak
På forhånd tak
Takk, men det virker ikke
Nei takk
Kiitos, mutta se ei toimi
Ei kiitos
Kiitos etukäteen
Děkuji, ale nefunguje to
Ne, děkuji
Předem děkuji
Köszönöm, de nem működik
Nem, köszönöm
Előre is köszönöm
Mulțumesc, dar nu merge
Nu, mulțumesc
Hvala, ali ne radi
Ευχαριστώ, αλλά δεν δουλεύει
Ευχαριστώ;
Όχι ευχαριστώ
شكرا لكن الغطاء مفقود
لا شكرا
شكرا، متى يصل؟
شكرا مقدما
مع تحياتي لم يصل
תודה אבל זה לא עובד
לא תודה
תודה, מתי זה מגיע?
תודה מראש
ありがとうございますが、まだ届いていません
ありがとうございます。いつ届きますか？
ありがとうございます。蓋がありません。
よろしくお願いします
返金をお願いします
谢谢，但是还是坏的
谢谢，什么时候到？
不用了谢谢
谢谢，没收到
谢谢您，请退款
感谢您的帮助，但没用
謝謝，可是還沒收到
감사합니다만 아직 안 왔어요
감사합니다. 언제 오나요?
아니요, 감사합니다
감사합니다. 뚜껑이 없어요
네
Terima kasih, tapi masih rusak
Cảm ơn nhưng vẫn hỏng
ขอบคุณ แต่ยังเสียอยู่
धन्यवाद, लेकिन यह काम नहीं करता
😊
🎉
!
...
""".strip().splitlines()


def text_of(line: str) -> str:
    return line.replace("\\n", "\n")


@pytest.mark.parametrize("line", THANKS)
def test_mere_thanks(line: str) -> None:
    assert is_only_thanks(text_of(line), NAMES)


@pytest.mark.parametrize("line", NO_THANKS)
def test_everything_else(line: str) -> None:
    assert not is_only_thanks(text_of(line), NAMES)


def test_there_are_many_of_both() -> None:
    assert min(len(set(THANKS)), len(set(NO_THANKS))) >= 150


@pytest.mark.parametrize("line", THANKS)
def test_whatever_comes_beyond_thanks_is_heard(line: str) -> None:
    """A question mark, a number, a "but": in front, at the end, wherever a line ends."""
    for more in ("?", "42", "but", "aber kaputt", "не", "不", "いつ", "لكن", "http://a.example"):
        assert not is_only_thanks(f"{text_of(line)} {more}", NAMES)
        assert not is_only_thanks(f"{more} {text_of(line)}", NAMES)


def test_names_are_those_of_the_case() -> None:
    assert is_only_thanks("Thanks Mia", ["Mia Jensen"])
    assert is_only_thanks("Thanks mia jensen", ["Mia Jensen"])
    assert not is_only_thanks("Thanks Refund", ["Mia Jensen"])
    assert not is_only_thanks("Mia", ["Mia Jensen"])
    assert not is_only_thanks("Thanks Miami", ["Mia Jensen"])


def test_under_a_goodbye_a_name_that_nobody_knows_may_stand() -> None:
    for name in ("Tom", "Tom Reed", "Dr. Tom Reed", "T. Reed", "Anne-Marie O'Neil", "Éloïse"):
        assert is_only_thanks(f"Thanks\n\nBest regards,\n{name}"), name
    for words in ("it fails", "Nothing works", "Tom Reed and Mia Jensen", "1042", "STILL BROKEN", "Why?", "山田"):
        assert not is_only_thanks(f"Thanks\n\nBest regards,\n{words}"), words
    assert not is_only_thanks("Thanks\n\nTom"), "thanks are no goodbye"


def test_no_text_is_no_thanks() -> None:
    for text in ("", " ", "\n", ".", "🙂"):
        assert not is_only_thanks(text)


def test_a_long_text_is_no_thanks() -> None:
    assert is_only_thanks("thanks " * 40)
    assert not is_only_thanks("thanks " * 50)


def test_no_text_takes_long() -> None:
    """Each place is looked at once for each reading, so the work is bounded by the length that is allowed."""
    hostile = ("thank you so much " * 16 + "x", "for your quick " * 19, "ok " * 99 + "?", "谢谢" * 149 + "x")
    started = time.process_time()
    for text in hostile:
        assert len(text) <= CHARACTERS
        assert not is_only_thanks(text, ["A B " * 50])
    assert not is_only_thanks("thanks " * 1_000_000)
    assert time.process_time() - started < 10, "it hangs"


def test_the_tables_say_nothing_twice_and_are_written_as_they_are_read() -> None:
    for language in LANGUAGES:
        assert language.thanks
        assert bool(language.for_) == bool(language.what)
    for phrase in _table():
        assert fold(phrase) == phrase
        assert phrase == phrase.strip()
        assert not any(sign in phrase for sign in "?？؟0123456789") or phrase == "1000 dank"


def test_no_phrase_says_no_or_asks() -> None:
    """Nobody may add what has to be read: a phrase of this kind would hide it for ever."""
    alone = "no not nicht nein non pas kein nie не нет لا לא 不 没 but aber mais pero ma yes oui please bitte"
    assert not [word for word in alone.split() if is_only_thanks(f"thanks {word}")]


def test_a_word_is_taken_for_what_it_means_in_the_language_of_the_others() -> None:
    """`ja` joins things in Finnish, `si` in Romanian, `tak` gives thanks in Danish."""
    for thanks in ("Moi ja kiitos", "Bună și mulțumesc", "Tak, mange hilsner"):
        assert is_only_thanks(thanks)
    for yes in ("Ja, danke", "Ja tack", "Si, gracias", "Sì, grazie", "Tak, dziękuję"):
        assert not is_only_thanks(yes)
