"""The words by which mail programs announce a quotation, in the languages that they speak: tables, no rules.

Every table is lower case. Words of scripts that are written without spaces stand in tables of fragments, which are
searched inside a line instead of being compared with its words.
"""

from typing import Final


def _words(*lists: str) -> frozenset[str]:
    return frozenset(word for words in lists for word in words.split())


def _phrases(*lists: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrases in lists for phrase in phrases.split(",") if phrase.strip())


#: "Ann *wrote*:" as one word of a line.
VERBS: Final = _words(
    "wrote writes said schrieb schreibt geschrieben écrit ecrit escribió escribio escribe escreveu escrito scritto",
    "scrive geschreven schreef schrijft skrev skriver skreiv skrifaði kirjoitti kirjoittaa napisał napisała napisali",
    "pisze napsal napsala píše napísal napísala írta írja napisao napisala piše написал",
    "написала написали пишет писал",
    "писала написав пише писав написа написала написао scris έγραψε γράφει yazdı yazmış",
    "yazdi viết menulis tulis rašė",
    "parašė rakstīja uzrakstīja kirjutas shkroi escrigué escriure escribiu idatzi כתב כתבה كتب كتبت كتابة نوشت نوشته",
    "लिखा लिखते nagsulat sumulat quoting citando zitat",
)
VERB_FRAGMENTS: Final = (
    "写道",
    "寫道",
    "写了",
    "書きました",
    "さんから",
    "のメッセージ",
    "작성",
    "님이",
    "썼습니다",
    "เขียน",
)

#: What "On <date>" begins with; a line of running text may begin so too, hence never enough alone.
STARTERS: Final = _words(
    "on at am den le el il op em no dia w we dnia dne dňa v u va på pe la az a στις την",
    "vào pada dan في في ב בתאריך ביום",
    "в у на ngày dňa kuupäeval quoting citando zitat lainaus citat data tarihinde tarihli",
)
START_FRAGMENTS: Final = ("在", "於", "于", "ใน", "เมื่อ")

#: Months and days of the week, written out and shortened.
CALENDAR: Final = _words(
    # English
    "jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august september",
    "october november december mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday",
    "saturday sunday",
    # German
    "januar jänner februar märz mär mai juni juli oktober okt dezember dez montag",
    "dienstag mittwoch donnerstag freitag",
    "samstag sonnabend sonntag mo di mi do fr sa so",
    # French
    "janvier janv février févr fév mars avril avr juin juillet juil août aout septembre",
    "octobre novembre décembre déc",
    "lundi mardi mercredi jeudi vendredi samedi dimanche lun mar mer jeu ven sam dim",
    # Spanish, Catalan, Galician
    "enero ene febrero marzo abril abr mayo junio julio agosto ago septiembre setiembre",
    "octubre noviembre diciembre dic",
    "lunes martes miércoles jueves viernes sábado domingo mié jue vie sáb dom gener",
    "febrer març maig juny juliol agost",
    "setembre desembre dilluns dimarts dimecres dijous divendres dissabte diumenge xaneiro xullo",
    # Portuguese
    "janeiro fevereiro fev março maio junho julho setembro outubro out novembro dezembro segunda terça quarta quinta",
    "sexta seg ter qua qui sex",
    # Italian
    "gennaio gen febbraio aprile maggio mag giugno giu luglio lug settembre set ottobre ott dicembre lunedì martedì",
    "mercoledì giovedì venerdì sabato domenica gio",
    # Dutch
    "januari februari maart mrt mei augustus maandag dinsdag woensdag donderdag vrijdag",
    "zaterdag zondag ma wo vr za zo",
    # Swedish, Danish, Norwegian, Icelandic
    "augusti januar marts mandag tirsdag onsdag torsdag fredag lørdag søndag måndag tisdag lördag söndag mån tis ons",
    "tors fre lör sön tir tor lør søn des desember janúar febrúar apríl maí júní júlí",
    "ágúst október nóvember mánudagur",
    # Finnish, Estonian
    "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta",
    "marraskuuta joulukuuta tammik helmik maalisk huhtik toukok kesäk heinäk elok syysk",
    "lokak marrask jouluk maanantai",
    "tiistai keskiviikko torstai perjantai lauantai sunnuntai ti ke to pe la su jaanuar veebruar märts aprill juuni",
    "juuli esmaspäev teisipäev kolmapäev neljapäev reede laupäev pühapäev",
    # Polish
    "stycznia sty lutego lut marca kwietnia kwi maja czerwca cze lipca lip sierpnia sie",
    "września wrz października paź",
    "listopada lis grudnia gru poniedziałek wtorek środa czwartek piątek sobota niedziela",
    "pon wt śr czw pt sob niedz ndz",
    # Czech, Slovak
    "ledna led února úno března bře dubna dub května kvě června čvn července čvc srpna",
    "srp září zář října říj prosince",
    "pro pondělí úterý středa čtvrtek pátek neděle po út st čt pá so ne januára februára",
    "apríla mája júna júla augusta",
    "septembra októbra novembra decembra pondelok utorok streda štvrtok piatok nedeľa",
    # Hungarian
    "január február március márc április ápr május máj június jún július júl augusztus",
    "szeptember szept október hétfő kedd",
    "szerda csütörtök péntek szombat vasárnap sze cs szo",
    # Romanian
    "ianuarie ian februarie martie aprilie iunie iun iulie iul septembrie octombrie noiembrie decembrie luni marți",
    "miercuri joi vineri sâmbătă duminică mie",
    # Croatian, Serbian, Slovenian
    "siječnja sij veljače velj ožujka ožu travnja tra svibnja svi lipnja srpnja kolovoza kol rujna ruj listopada",
    "studenoga stu prosinca ponedjeljak utorak srijeda četvrtak petak subota nedjelja uto",
    "sri čet pet sub ned januarja",
    "februarja aprila junija julija avgusta avg oktobra ponedeljek torek sreda четвртак",
    "недеља понедељак уторак среда",
    # Russian, Ukrainian, Bulgarian
    "января янв февраля фев февр марта мар апреля апр мая июня июн июля июл августа авг",
    "сентября сен сент октября окт",
    "ноября ноя нояб декабря дек понедельник вторник среда четверг пятница суббота воскресенье пн вт ср чт пт сб вс",
    "січня січ лютого лют березня бер квітня квіт травня трав червня черв липня лип",
    "серпня серп вересня вер жовтня жовт",
    "листопада лист грудня груд понеділок вівторок середа четвер пятниця субота неділя нд",
    "януари февруари март април май",
    "юни юли август септември октомври ноември декември понеделник сряда четвъртък петък събота неделя нед",
    # Greek
    "ιανουαρίου ιαν φεβρουαρίου φεβ μαρτίου μαρ απριλίου απρ μαΐου μαΐ ιουνίου ιουν ιουλίου ιουλ αυγούστου αυγ",
    "σεπτεμβρίου σεπ οκτωβρίου οκτ νοεμβρίου νοε δεκεμβρίου δεκ δευτέρα δευ τρίτη τρί",
    "τετάρτη τετ πέμπτη πέμ παρασκευή",
    "παρ σάββατο σάβ κυριακή κυρ",
    # Turkish
    "ocak oca şubat şub mart nisan nis mayıs haziran haz temmuz tem ağustos ağu eylül eyl",
    "ekim eki kasım kas aralık ara",
    "pazartesi pzt salı sal çarşamba çar perşembe per cuma cum cumartesi cmt pazar paz",
    # Hebrew, Arabic, Persian
    "ינואר ינו ינו׳ פברואר פבר פבר׳ מרץ אפריל אפר מאי יוני יולי אוגוסט אוג ספטמבר ספט",
    "אוקטובר אוק נובמבר נוב דצמבר דצמ",
    "ראשון שני שלישי רביעי חמישי שישי שבת يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "الاثنين الإثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد ژانویه فوریه آوریل ژوئن",
    "ژوئیه اوت سپتامبر اکتبر نوامبر",
    # Hindi, Vietnamese, Indonesian
    "जनवरी जन फ़रवरी फ़र मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर सोम मंगल बुध गुरु शुक्र शनि रवि",
    "tháng thg thứ januari februari maret mei agustus agu desember senin selasa rabu",
    "kamis jumat sabtu minggu sen sel",
    # Lithuanian, Latvian
    "sausio vasario kovo balandžio gegužės birželio liepos rugpjūčio rugsėjo spalio lapkričio gruodžio janvāris",
    "februāris marts aprīlis maijs jūnijs jūlijs augusts septembris oktobris novembris",
    "decembris janv febr pirmd otrd",
)  # fmt: skip
CALENDAR_FRAGMENTS: Final = ("年", "月", "년", "월", "ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.",
                             "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค.")  # fmt: skip

_LABELS: Final[dict[str, frozenset[str]]] = {
    "from": _phrases(
        "from, von, absender, de, expéditeur, da, mittente, remitente, van, afzender,",
        "från, avsändare, fra, avsender,",
        "afsender, lähettäjä, od, nadawca, odesílatel, odosielateľ, feladó, küldő, от, от кого, отправитель, від,",
        "від кого, відправник, от кого, подател, de la, expeditor, από, αποστολέας, kimden, gönderen, מאת, من, از,",
        "फ़्रॉम, प्रेषक, từ, người gửi, dari, pengirim, จาก, ผู้ส่ง, 发件人, 寄件人, 寄件者, 發件人,",
        "差出人, 送信者, 送信元,",
        "보낸 사람, 보낸사람, 발신, 발신자, nuo, siuntėjas, no, sūtītājs, saatja, kellelt, šalje,",
        "pošiljatelj, pošiljalec,",
        "шаље, пошиљалац, de part de, remite, nga, frá, sendandi, nagpadala, 自",
    ),
    "date": _phrases(
        "date, sent, sent on, date sent, datum, gesendet, gesendet am, envoyé, envoyé le,",
        "envoye, data, inviato, fecha,",
        "enviado, enviado el, enviada, enviada em, enviado em, verzonden, verzonden op, skickat, skickat den, dato,",
        "sendt, päivämäärä, päiväys, lähetetty, wysłano, odesláno, odoslané, dátum, elküldve, küldés ideje, дата,",
        "отправлено, дата отправки, надіслано, изпратено, trimis, trimisă, dată,",
        "στάλθηκε, ημερομηνία, ημ/νία, tarih,",
        "gönderme tarihi, gönderildi, gönderim tarihi, תאריך, נשלח, בתאריך, التاريخ, تاريخ الإرسال, تم الإرسال,",
        "أُرسلت, تاریخ, ارسال شده, दिनांक, भेजा गया, ngày, đã gửi, ngày gửi, tanggal,",
        "dikirim, terkirim, วันที่, ส่ง,",
        "เวลาที่ส่ง, 发送时间, 发送日期, 日期, 时间, 寄件日期, 傳送時間, 傳送日期, 發送時間, 日付, 送信日時, 日時, 送信日,",
        "보낸 날짜, 날짜,",
        "보낸 시간, 보냄, 발신일, 일시, išsiųsta, nosūtīts, datums, saadetud, kuupäev, poslano,",
        "poslato, datum slanja,",
        "послато, датум, enviat, dërguar, sent at, date et heure, ora, päivä, sent date",
    ),
    "to": _phrases(
        "to, an, empfänger, à, a, destinataire, pour, per, destinatario, para, aan, naar, ontvanger, till, til,",
        "mottagare, modtager, mottaker, vastaanottaja, kohde, do, adresat, komu, pro, příjemce, címzett, кому, до,",
        "получатель, către, catre, προς, παραλήπτης, kime, alıcı, אל, ל, إلى, به, प्रति,",
        "को, tới, đến, kepada, untuk,",
        "ถึง, 收件人, 收件者, 宛先, 받는 사람, 받는사람, 수신, 수신자, kam, gavėjas, saņēmējs, saaja, kellele,",
        "prima, za,",
        "prejemnik, прима, за, per a, për, viðtakandi, destinatários, destinatarios, sent to",
    ),
    "cc": _phrases(
        "cc, kopie, kopie (cc), copie, copie à, cópia, con copia, copia, kopia, kopi,",
        "kopio, dw, do wiadomości, kópia,",
        "másolat, másolatot kap, копия, копія, копие, κοιν., κοινοποίηση, bilgi, העתק, עותק, نسخة, نسخة إلى, رونوشت,",
        "sao chép, đồng gửi, tembusan, สำเนา, สำเนาถึง, 抄送, 副本, 参照, 참조, kopija, bcc,",
        "bcc:, blindkopie, cci, cco,",
        "ccn, 密送, 密件副本, 숨은 참조, skrytá kopie, c.c., kk, aeg",
    ),
    "subject": _phrases(
        "subject, betreff, betr., objet, sujet, oggetto, asunto, assunto, onderwerp,",
        "ämne, emne, aihe, temat, předmět,",
        "predmet, tárgy, тема, относно, subiect, θέμα, konu, נושא, הנדון, الموضوع, موضوع, विषय, chủ đề, tiêu đề,",
        "subjek, perihal, subyek, เรื่อง, หัวเรื่อง, 主题, 主旨, 主題, 件名, 題名, 제목, tema,",
        "temats, teema, zadeva,",
        "naslov, наслов, assumpte, asunto del mensaje, subjekti, efni, lënda, re",
    ),
    "other": _phrases(
        "reply-to, reply to, antwort an, antworten an, répondre à, risposta, rispondi a, responder a, svar till,",
        "svar til, odpowiedź do, ответить, attachments, anlagen, pièces jointes,",
        "allegati, adjuntos, anexos, bijlagen,",
        "bilagor, importance, wichtigkeit, importância, importancia, priorität, priority, organization, mailed-by,",
        "mailing list, newsgroups, resent-from, sender, x-mailer, message-id, message id, return-path, 附件, 回复",
    ),
}

#: A label of a carried header → its kind: `from`, `date`, `to`, `cc`, `subject`, `other`.
HEADER_LABELS: Final[dict[str, str]] = {
    label: kind for kind in reversed(_LABELS) for label in _LABELS[kind]
}  # fmt: skip

#: Between two rows of dashes: "---- Original Message ----". Beginnings of words, as languages bend the ends.
ORIGINAL_STEMS: Final = (
    "original", "origine", "ursprüngl", "urspr", "originele", "oorspronkelijk", "alkuperäi",
    "opprinnelig", "oryginaln",
    "původní", "pôvodn", "eredeti", "исходное", "оригинал", "оригінал", "вихідн", "původ",
    "izvor", "изворн", "izvirn",
    "iniția", "αρχικό", "özgün", "orijinal", "מקור", "الأصلية", "الرسالة", "اصلی", "मूल", "gốc",
    "asli", "ต้นฉบับ", "原始",
    "元のメッセージ", "オリジナル", "원본", "originál", "sākotnēj", "algne", "algne", "pirminis", "message",
    "nachricht",
    "mensaje", "messaggio", "mensagem", "bericht", "meddelande", "melding", "besked", "reply", "wrote", "сообщение",
)  # fmt: skip
FORWARD_STEMS: Final = (
    "forward", "weitergeleitet", "weiterleit", "transfér", "transfer", "réexpédi", "reenvia",
    "reencaminh", "encaminh",
    "inoltra", "doorgestuurd", "vidarebefordra", "videresend", "videresendt", "edelleen", "välitetty", "przekaz",
    "przesłan", "přeposl", "přeposlan", "preposlan", "továbbít", "пересыл", "переслан",
    "переадрес", "препрат", "proslije",
    "prosleđen", "прослеђ", "posredovan", "redirecționat", "redirectionat", "προωθη", "iletilen",
    "yönlendiril", "שהועבר",
    "הועבר", "معاد", "المعاد", "محول", "हुआ", "chuyển", "diteruskan", "terusan", "ส่งต่อ", "转发",
    "轉寄", "転送", "전달",
    "persiųst", "pārsūtīt", "edastat", "reenviat", "framsend", "áframsend",
)  # fmt: skip

#: "Sent from my iPhone" and its cousins: what the line begins with.
MOBILE_STARTS: Final = _phrases(
    "sent from, sent via, sent with, sent using, sent wirelessly, sent by, sent on,",
    "get outlook, get bluemail, from my,",
    "envoyé de, envoyé depuis, envoyé à partir, envoyé par, envoyé avec, envoye de, télécharger outlook,",
    "obtenez outlook, gesendet von, gesendet mit, gesendet vom, von meinem, von meiner,",
    "versendet mit, versendet von,",
    "diese nachricht wurde von, diese mail wurde von, outlook für, holen sie sich outlook, laden sie outlook,",
    "enviado desde, enviado de, enviado do, enviado a partir, enviado via,",
    "enviado mediante, enviado con, obtener outlook,",
    "obter o outlook, obtenha o outlook, inviato da, inviato dal, scarica outlook, ottieni outlook, verzonden met,",
    "verzonden vanaf, verzonden vanuit, verstuurd vanaf, verstuurd met, outlook voor, download outlook,",
    "sendt fra, sendt med, sendt via, hent outlook, få outlook, skickat från, skickades från, skickat med,",
    "skaffa outlook, hämta outlook, lähetetty, hanki outlook, wysłane z, wysłano z,",
    "wyslane z, wysłane za, pobierz outlook,",
    "odesláno z, odesláno ze, odoslané z, získejte outlook, získať outlook, elküldve,",
    "outlook beszerzése, trimis de pe,",
    "trimis din, obțineți outlook, отправлено с, отправлено из, надіслано з, надіслано із, получить outlook,",
    "отримати outlook, изпратено от, poslano s, poslano z, poslano iz, poslato sa, послато са, στάλθηκε από,",
    "αποκτήστε το outlook, iphone'umdan gönderildi, ipad'imden gönderildi,",
    "outlook'u edinin, נשלח מ, נשלח מה, קבל את outlook,",
    "أُرسلت من, تم الإرسال من, أرسلت من, مرسل من, من الـ, ارسال شده از, از آیفون, gửi từ,",
    "đã gửi từ, tải outlook, dikirim dari,",
    "terkirim dari, ส่งจาก, 发自, 从我的, 來自我的, 從我的, 我的, 獲取outlook, 获取outlook, 下载outlook,",
    "取得outlook,",
    "나의 iphone에서 보냄, 내 iphone에서 보냄, iphoneから送信, ipadから送信, outlook for ios を入手, 私の,",
    "išsiųsta iš,",
    "nosūtīts no, saadetud minu, enviat des, enviat de, отправлено,",
    "sent securely, sent secured, télécharger, von samsung mobile gesendet, von meinem iphone gesendet",
)
#: The same, for languages that put the verb last.
MOBILE_ENDS: Final = (
    "gesendet",
    "küldve",
    "から送信",
    "에서 보냄",
    "gönderildi",
    "傳送",
    "发送",
    "送信",
    "geschickt",
    "を入手",
)

#: Beginnings of what companies, lists and virus scanners add below a mail.
FOOTER_STARTS: Final = _phrases(
    "this e-mail and any, this email and any, this message and any, this e-mail is confidential,",
    "this email is confidential, this message is confidential, this message contains confidential,",
    "this email contains confidential, this e-mail contains confidential, this email message and any,",
    "this e-mail message and any, the information contained in this, the information in this e,",
    "this communication is intended, this message is intended, this e-mail is intended, this email is intended,",
    "this email may contain, this e-mail may contain, this message may contain, confidentiality notice,",
    "confidentiality:, disclaimer:, disclaimer, privileged and confidential, please consider the environment,",
    "think before you print, save a tree, save paper, diese e-mail enthält, diese e-mail ist vertraulich,",
    "diese nachricht ist vertraulich, diese mail enthält, der inhalt dieser e-mail, vertraulichkeitshinweis,",
    "denken sie an die umwelt, bitte prüfen sie der umwelt, ce message et toutes, ce message et ses, ce courriel et,",
    "ce message est confidentiel, ce message contient, les informations contenues, avant d'imprimer,",
    "pensez à l'environnement, este mensaje y sus, este mensaje es confidencial, este correo electrónico es,",
    "este mensaje contiene, la información contenida, este correo y cualquier, antes de imprimir, aviso legal,",
    "esta mensagem e seus, esta mensagem pode conter, esta mensagem é confidencial, este e-mail é confidencial,",
    "questo messaggio e i suoi, questo messaggio contiene, le informazioni contenute, questa e-mail è confidenziale,",
    "ai sensi del, prima di stampare, dit bericht is vertrouwelijk, dit e-mailbericht,",
    "deze e-mail is, dit bericht kan,",
    "de informatie in dit, denk aan het milieu, detta meddelande är, detta e-postmeddelande, denne e-mail er,",
    "denne meddelelse er, denne e-posten er, tämä viesti on luottamuk, tämä sähköposti, ta wiadomość jest,",
    "niniejsza wiadomość, treść tej wiadomości, wiadomość ta jest, tato zpráva je,",
    "tento e-mail je, ez az üzenet bizalmas,",
    "ez az e-mail, данное сообщение, это сообщение является, настоящее сообщение,",
    "конфиденциальность, це повідомлення є,",
    "acest mesaj este, acest e-mail, το παρόν μήνυμα, bu e-posta, bu mesaj ve, 本邮件, 此邮件,",
    "本メール, このメール, 본 메일,",
    "virus-free, virenfrei, sans virus, libre de virus, virusvrij, virusfri, wolny od wirusów, privo di virus,",
    "this email has been checked for viruses, this e-mail has been checked, this email has been scanned,",
    "this message has been scanned, this email was scanned, no virus found in this, diese e-mail wurde von avast,",
    "diese e-mail wurde auf viren, l'absence de virus dans ce courrier, el software de antivirus avast,",
    "este email foi escaneado, deze e-mail is gecontroleerd, you received this message because you are subscribed,",
    "you are receiving this because, to unsubscribe from this, to unsubscribe, unsubscribe, do you yahoo,",
    "yahoo! mail, find the right, join the world, fyll på mobilen",
)
