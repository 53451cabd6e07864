"""Answers as real mail programs lay them out: program × language × style of answering, made from one table a language.

The strings are what the programs write, independent of the tables that the product uses. Every case knows the
sentences that its writer added, in order, and those that were only quoted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

NAME, ADDRESS = "Shop Nordlicht", "reply+k7q2xy@mail.example.org"
WHO = f"{NAME} <{ADDRESS}>"


@dataclass(frozen=True)
class Case:
    """One answer. new: sentences that must be kept, in order. old: sentences that must be gone."""

    id: str
    text: str | None
    html: str | None
    new: tuple[str, ...]
    old: tuple[str, ...]


@dataclass(frozen=True)
class Speech:
    """One language as the programs speak it. labels: From, Sent, To, Subject as Outlook writes them."""

    gmail: str
    labels: tuple[str, str, str, str]
    apple: str = ""
    thunderbird: str = ""
    original: str = ""
    forwarded: str = ""
    phone: str = ""
    outlook: str = ""
    date: str = "1.1.2024 10:00"


SPEECH = {
    "en": Speech(
        "On Mon, Jan 1, 2024 at 10:00 AM {who} wrote:",
        ("From", "Sent", "To", "Subject"),
        "On Jan 1, 2024, at 10:00 AM, {who} wrote:",
        "On 1/1/24 10:00 AM, {name} wrote:",
        "Original Message",
        "Forwarded message",
        "Sent from my iPhone",
        "Get Outlook for iOS",
        "Monday, January 1, 2024 10:00 AM",
    ),
    "en_gb": Speech(
        "On Mon, 1 Jan 2024, 10:00 {who}, wrote:",
        ("From", "Date", "To", "Subject"),
        "On 1 Jan 2024, at 10:00, {name} wrote:",
        "On 01/01/2024 10:00, {name} wrote:",
        "Original message",
        "Forwarded Message",
        "Sent from my Galaxy",
        "Sent from Outlook for Android",
        "01 January 2024 10:00",
    ),
    "de": Speech(
        "Am Mo., 1. Jan. 2024 um 10:00 Uhr schrieb {who}:",
        ("Von", "Gesendet", "An", "Betreff"),
        "Am 01.01.2024 um 10:00 schrieb {who}:",
        "Am 01.01.24 um 10:00 schrieb {name}:",
        "Ursprüngliche Nachricht",
        "Weitergeleitete Nachricht",
        "Von meinem iPhone gesendet",
        "Outlook für iOS beziehen",
        "Montag, 1. Januar 2024 10:00",
    ),
    "de_old": Speech(
        "{who} schrieb am Mo., 1. Jan. 2024, 10:00:",
        ("Von", "Datum", "An", "Betreff"),
        "Am 1. Januar 2024 10:00:12 MEZ schrieb {who}:",
        "{name} schrieb am 01.01.2024 10:00:",
        "Originalnachricht",
        "Anfang der weitergeleiteten Nachricht",
        "Gesendet von meinem Samsung Galaxy Smartphone",
        "Holen Sie sich Outlook für Android",
        "01.01.2024 10:00",
    ),
    "fr": Speech(
        "Le lun. 1 janv. 2024 à 10:00, {who} a écrit :",
        ("De ", "Envoyé ", "À ", "Objet "),
        "Le 1 janv. 2024 à 10:00, {who} a écrit :",
        "Le 01/01/2024 à 10:00, {name} a écrit :",
        "Message d'origine",
        "Message transféré",
        "Envoyé de mon iPhone",
        "Télécharger Outlook pour iOS",
        "lundi 1 janvier 2024 10:00",
    ),
    "es": Speech(
        "El lun, 1 ene 2024 a las 10:00, {name} (<{address}>) escribió:",
        ("De", "Enviado", "Para", "Asunto"),
        "El 1 ene 2024, a las 10:00, {who} escribió:",
        "El 01/01/2024 a las 10:00, {name} escribió:",
        "Mensaje original",
        "Mensaje reenviado",
        "Enviado desde mi iPhone",
        "Obtener Outlook para iOS",
        "lunes, 1 de enero de 2024 10:00",
    ),
    "pt": Speech(
        "Em seg., 1 de jan. de 2024 às 10:00, {who} escreveu:",
        ("De", "Enviado", "Para", "Assunto"),
        "Em 1 de jan. de 2024, à(s) 10:00, {who} escreveu:",
        "Em 01/01/2024 10:00, {name} escreveu:",
        "Mensagem original",
        "Mensagem encaminhada",
        "Enviado do meu iPhone",
        "Obter o Outlook para iOS",
        "segunda-feira, 1 de janeiro de 2024 10:00",
    ),
    "pt_pt": Speech(
        "{who} escreveu (segunda, 1/01/2024 à(s) 10:00):",
        ("De", "Enviada em", "Para", "Assunto"),
        "No dia 01/01/2024, às 10:00, {who} escreveu:",
        "Às 10:00 de 01/01/2024, {name} escreveu:",
        "Mensagem Original",
        "Mensagem reencaminhada",
        "Enviado a partir do meu Samsung Galaxy",
        "Obtenha o Outlook para Android",
        "1 de janeiro de 2024 10:00",
    ),
    "it": Speech(
        "Il giorno lun 1 gen 2024 alle ore 10:00 {who} ha scritto:",
        ("Da", "Inviato", "A", "Oggetto"),
        "Il giorno 1 gen 2024, alle ore 10:00, {who} ha scritto:",
        "Il 01/01/2024 10:00, {name} ha scritto:",
        "Messaggio originale",
        "Messaggio inoltrato",
        "Inviato da iPhone",
        "Scarica Outlook per iOS",
        "lunedì 1 gennaio 2024 10:00",
    ),
    "nl": Speech(
        "Op ma 1 jan 2024 om 10:00 schreef {who}:",
        ("Van", "Verzonden", "Aan", "Onderwerp"),
        "Op 1 jan 2024, om 10:00 heeft {who} het volgende geschreven:",
        "Op 01-01-2024 om 10:00 schreef {name}:",
        "Oorspronkelijk bericht",
        "Doorgestuurd bericht",
        "Verstuurd vanaf mijn iPhone",
        "Outlook voor iOS downloaden",
        "maandag 1 januari 2024 10:00",
    ),
    "sv": Speech(
        "Den mån 1 jan. 2024 kl 10:00 skrev {who}:",
        ("Från", "Skickat", "Till", "Ämne"),
        "1 jan. 2024 kl. 10:00 skrev {who}:",
        "Den 2024-01-01 kl. 10:00, skrev {name}:",
        "Ursprungligt meddelande",
        "Vidarebefordrat meddelande",
        "Skickat från min iPhone",
        "Skaffa Outlook för iOS",
        "den 1 januari 2024 10:00",
    ),
    "da": Speech(
        "Den man. 1. jan. 2024 kl. 10.00 skrev {who}:",
        ("Fra", "Sendt", "Til", "Emne"),
        "Den 1. jan. 2024 kl. 10.00 skrev {who}:",
        "Den 01.01.2024 kl. 10.00 skrev {name}:",
        "Oprindelig meddelelse",
        "Videresendt meddelelse",
        "Sendt fra min iPhone",
        "Hent Outlook til iOS",
        "1. januar 2024 10:00",
    ),
    "no": Speech(
        "man. 1. jan. 2024 kl. 10:00 skrev {who}:",
        ("Fra", "Sendt", "Til", "Emne"),
        "1. jan. 2024 kl. 10:00 skrev {who}:",
        "Den 01.01.2024 10:00, skrev {name}:",
        "Opprinnelig melding",
        "Videresendt melding",
        "Sendt fra min iPhone",
        "Skaff deg Outlook for iOS",
        "mandag 1. januar 2024 10:00",
    ),
    "fi": Speech(
        "ma 1. tammik. 2024 klo 10.00 {name} ({address}) kirjoitti:",
        ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"),
        "{who} kirjoitti 1.1.2024 kello 10.00:",
        "{name} kirjoitti 1.1.2024 klo 10.00:",
        "Alkuperäinen viesti",
        "Välitetty viesti",
        "Lähetetty iPhonesta",
        "Hanki Outlook for iOS",
        "maanantai 1. tammikuuta 2024 10.00",
    ),
    "pl": Speech(
        "pon., 1 sty 2024 o 10:00 {who} napisał(a):",
        ("Od", "Wysłano", "Do", "Temat"),
        "Wiadomość napisana przez {who} w dniu 1 sty 2024, o godz. 10:00:",
        "W dniu 01.01.2024 o 10:00, {name} pisze:",
        "Oryginalna wiadomość",
        "Wiadomość przekazana dalej",
        "Wysłane z iPhone'a",
        "Pobierz aplikację Outlook dla systemu iOS",
        "poniedziałek, 1 stycznia 2024 10:00",
    ),
    "cs": Speech(
        "po 1. 1. 2024 v 10:00 odesílatel {who} napsal:",
        ("Od", "Odesláno", "Komu", "Předmět"),
        "1. 1. 2024 v 10:00, {who}:",
        "Dne 01. 01. 24 v 10:00 {name} napsal(a):",
        "Původní zpráva",
        "Přeposlaná zpráva",
        "Odesláno z iPhonu",
        "Získejte Outlook pro iOS",
        "pondělí 1. ledna 2024 10:00",
    ),
    "sk": Speech(
        "po 1. 1. 2024 o 10:00 {who} napísal(a):",
        ("Od", "Odoslané", "Komu", "Predmet"),
        "1. 1. 2024, {who} o 10:00 napísal(a):",
        "Dňa 1. 1. 2024 o 10:00 {name} napísal(a):",
        "Pôvodná správa",
        "Preposlaná správa",
        "Odoslané z iPhonu",
        "Získať Outlook pre iOS",
        "pondelok 1. januára 2024 10:00",
    ),
    "hu": Speech(
        "{who} ezt írta (időpont: 2024. jan. 1., H, 10:00):",
        ("Feladó", "Elküldve", "Címzett", "Tárgy"),
        "2024. 01. 01. dátummal, 10:00 időpontban {who} írta:",
        "2024. 01. 01. 10:00 keltezéssel, {name} írta:",
        "Eredeti üzenet",
        "Továbbított üzenet",
        "iPhone-omról küldve",
        "Az iOS Outlook beszerzése",
        "2024. január 1., hétfő 10:00",
    ),
    "ro": Speech(
        "În lun., 1 ian. 2024 la 10:00, {who} a scris:",
        ("De la", "Trimis", "Către", "Subiect"),
        "Pe 1 ian. 2024, la 10:00, {who} a scris:",
        "Pe 01.01.2024 10:00, {name} a scris:",
        "Mesaj original",
        "Mesaj redirecționat",
        "Trimis de pe iPhone-ul meu",
        "Obțineți Outlook pentru iOS",
        "luni, 1 ianuarie 2024 10:00",
    ),
    "bg": Speech(
        "На пн, 1.01.2024 г. в 10:00 {who} написа:",
        ("От", "Изпратено", "До", "Относно"),
        "На 1.01.2024 г., в 10:00, {who} написа:",
        "На 1.01.24 г. в 10:00 ч., {name} написа:",
        "Оригинално съобщение",
        "Препратено съобщение",
        "Изпратено от моя iPhone",
        "Вземете Outlook за iOS",
        "понеделник, 1 януари 2024 г. 10:00",
    ),
    "hr": Speech(
        "pon, 1. sij 2024. u 10:00 {who} napisao je:",
        ("Od", "Poslano", "Za", "Predmet"),
        "{who} je dana 1. sij. 2024. u 10:00 napisao/la:",
        "{name} je 1.1.2024. u 10:00 napisao:",
        "Izvorna poruka",
        "Proslijeđena poruka",
        "Poslano s mog iPhonea",
        "Nabavite Outlook za iOS",
        "ponedjeljak, 1. siječnja 2024. 10:00",
    ),
    "sr": Speech(
        "пон, 1. јан 2024. у 10:00 {who} је написао/ла:",
        ("Од", "Послато", "За", "Наслов"),
        "Дана 1. јан 2024. у 10:00, {who} је написао:",
        "Дана 1.1.2024. 10:00, {name} је написао:",
        "Оригинална порука",
        "Прослеђена порука",
        "Послато са iPhone-а",
    ),
    "sl": Speech(
        "V V pon., 1. jan. 2024 ob 10:00 je oseba {who} napisala:",
        ("Od", "Poslano", "Za", "Zadeva"),
        "Dne 1. jan. 2024 ob 10:00 je {who} napisal:",
        "{name} je 1. 01. 24 ob 10:00 napisal:",
        "Izvirno sporočilo",
        "Posredovano sporočilo",
        "Poslano iz mojega iPhona",
        "Prenesite Outlook za iOS",
        "ponedeljek, 1. januar 2024 10:00",
    ),
    "ru": Speech(
        "пн, 1 янв. 2024 г. в 10:00, {who}:",
        ("От", "Отправлено", "Кому", "Тема"),
        "1 янв. 2024 г., в 10:00, {who} написал(а):",
        "01.01.2024 10:00, {name} пишет:",
        "Исходное сообщение",
        "Пересылаемое сообщение",
        "Отправлено с iPhone",
        "Скачать Outlook для iOS",
        "1 января 2024 г. 10:00",
    ),
    "uk": Speech(
        "пн, 1 січ. 2024 р. о 10:00 {who} пише:",
        ("Від", "Надіслано", "Кому", "Тема"),
        "1 січ. 2024 р. о 10:00 {who} написав:",
        "01.01.24 10:00, {name} пише:",
        "Вихідне повідомлення",
        "Переслане повідомлення",
        "Надіслано з iPhone",
        "Отримати Outlook для iOS",
        "1 січня 2024 р. 10:00",
    ),
    "el": Speech(
        "Στις Δευ 1 Ιαν 2024 στις 10:00 π.μ., ο χρήστης {who} έγραψε:",
        ("Από", "Στάλθηκε", "Προς", "Θέμα"),
        "1 Ιαν 2024, 10:00, ο χρήστης «{who}» έγραψε:",
        "Στις 1/1/24 10:00, ο/η {name} έγραψε:",
        "Αρχικό μήνυμα",
        "Προωθημένο μήνυμα",
        "Στάλθηκε από το iPhone μου",
        "Αποκτήστε το Outlook για iOS",
        "Δευτέρα, 1 Ιανουαρίου 2024 10:00 πμ",
    ),
    "tr": Speech(
        "{who}, 1 Oca 2024 Pzt, 10:00 tarihinde şunu yazdı:",
        ("Kimden", "Gönderildi", "Kime", "Konu"),
        "{who} şunları yazdı (1 Oca 2024 10:00):",
        "01.01.2024 10:00 tarihinde {name} yazdı:",
        "Özgün İleti",
        "İletilen mesaj",
        "iPhone'umdan gönderildi",
        "iOS için Outlook'u edinin",
        "1 Ocak 2024 Pazartesi 10:00",
    ),
    "he": Speech(
        "\u202bבתאריך יום ב׳, 1 בינו׳ 2024 ב-10:00 מאת \u202a{name}\u202c\u200f <\u202a{address}\u202c\u200f>:\u202c",
        ("מאת", "נשלח", "אל", "נושא"),
        "ב-1 בינו׳ 2024, בשעה 10:00, {who} כתב/ה:",
        "ב־01/01/2024 10:00, {name} כתב:",
        "הודעה מקורית",
        "הודעה שהועברה",
        "נשלח מה-iPhone שלי",
        "קבל את Outlook עבור iOS",
        "יום שני 01 ינואר 2024 10:00",
    ),
    "ar": Speech(
        "في الاثنين، 1 يناير 2024 في 10:00 ص تمت كتابة ما يلي بواسطة {who}:",
        ("من", "تم الإرسال", "إلى", "الموضوع"),
        "في ١ يناير ٢٠٢٤، الساعة ١٠:٠٠ ص، كتب/كتبت {who}:",
        "في 01/01/2024 10:00، كتب {name}:",
        "الرسالة الأصلية",
        "رسالة معاد توجيهها",
        "تم الإرسال من الـ iPhone",
        "الحصول على Outlook لـ iOS",
        "الاثنين، 1 يناير 2024 10:00 ص",
    ),
    "fa": Speech(
        "در تاریخ دوشنبه ۱ ژانویهٔ ۲۰۲۴،\u200f ۱۰:۰۰ {who} نوشت:",
        ("از", "ارسال شده", "به", "موضوع"),
        "در ۱ ژانویهٔ ۲۰۲۴، ساعت ۱۰:۰۰، {who} نوشت:",
    ),
    "hi": Speech(
        "सोम, 1 जन॰ 2024 को 10:00 am बजे को {who} ने लिखा:",
        ("प्रेषक", "भेजा गया", "प्रति", "विषय"),
        "1 जन॰ 2024 को 10:00 बजे {who} ने लिखा:",
    ),
    "th": Speech(
        "ในวันที่ จ. 1 ม.ค. 2024 เวลา 10:00 {who} เขียนว่า:",
        ("จาก", "ส่ง", "ถึง", "เรื่อง"),
        "เมื่อ 1 ม.ค. 2567 เวลา 10:00 {who} เขียน:",
        "",
        "ข้อความต้นฉบับ",
        "ข้อความที่ส่งต่อ",
        "ส่งจาก iPhone ของฉัน",
    ),
    "vi": Speech(
        "Vào Th 2, 1 thg 1, 2024 vào lúc 10:00 {who} đã viết:",
        ("Từ", "Đã gửi", "Tới", "Chủ đề"),
        "Vào 10:00, 1 thg 1, 2024, {who} đã viết:",
        "Vào 01/01/2024 10:00, {name} đã viết:",
        "Thư gốc",
        "Thư đã chuyển tiếp",
        "Đã gửi từ iPhone của tôi",
        "Tải xuống Outlook cho iOS",
        "Thứ Hai, ngày 1 tháng 1 năm 2024 10:00",
    ),
    "id": Speech(
        "Pada Sen, 1 Jan 2024 pukul 10.00 {who} menulis:",
        ("Dari", "Dikirim", "Kepada", "Subjek"),
        "Pada 1 Jan 2024, pukul 10.00, {who} menulis:",
        "Pada 01/01/2024 10:00, {name} menulis:",
        "Pesan Asli",
        "Pesan terusan",
        "Dikirim dari iPhone saya",
        "Dapatkan Outlook untuk iOS",
        "Senin, 01 Januari 2024 10:00",
    ),
    "ja": Speech(
        "2024年1月1日(月) 10:00 {who}:",
        ("差出人", "送信日時", "宛先", "件名"),
        "2024/01/01 10:00、{who}のメール:",
        "{name} さんは書きました:",
        "元のメッセージ",
        "転送されたメッセージ",
        "iPhoneから送信",
        "Outlook for iOS を入手",
        "2024年1月1日 10:00",
    ),
    "zh": Speech(
        "{who} 于2024年1月1日周一 10:00写道：",
        ("发件人", "发送时间", "收件人", "主题"),
        "在 2024年1月1日，10:00，{who} 写道：",
        "在 2024/1/1 10:00, {name} 写道:",
        "原始邮件",
        "转发的邮件",
        "发自我的iPhone",
        "获取 Outlook for iOS",
        "2024年1月1日 10:00",
    ),
    "zh_tw": Speech(
        "{who} 於 2024年1月1日 週一 上午10:00寫道：",
        ("寄件者", "寄件日期", "收件者", "主旨"),
        "{who} 於 2024年1月1日 上午10:00 寫道：",
        "{name} 於 2024/1/1 上午 10:00 寫道:",
        "原始郵件",
        "轉寄郵件",
        "從我的 iPhone 傳送",
        "取得 iOS 版 Outlook",
        "2024年1月1日 上午 10:00",
    ),
    "ko": Speech(
        "2024년 1월 1일 (월) 오전 10:00, {who}님이 작성:",
        ("보낸 사람", "보낸 날짜", "받는 사람", "제목"),
        "2024. 1. 1. 오전 10:00, {who} 작성:",
        "2024-01-01 오전 10:00에 {name} 이(가) 쓴 글:",
        "원본 메시지",
        "전달된 메시지",
        "나의 iPhone에서 보냄",
        "iOS용 Outlook 다운로드",
        "2024년 1월 1일 월요일 오전 10:00",
    ),
    "lt": Speech(
        "2024-01-01, pr, 10:00 {who} rašė:",
        ("Nuo", "Išsiųsta", "Kam", "Tema"),
        "{who} rašė 2024-01-01 10:00:",
        "{name} rašė (2024-01-01 10:00):",
    ),
    "lv": Speech(
        "pirmd., 2024. g. 1. janv., plkst. 10:00 — lietotājs {name} (<{address}>) rakstīja:",
        ("No", "Nosūtīts", "Kam", "Temats"),
    ),
    "et": Speech(
        "Kuupäev E, 1. jaanuar 2024 kell 10:00 kirjutas {who}:",
        ("Saatja", "Saadetud", "Adressaat", "Teema"),
    ),
    "ca": Speech(
        "Missatge de {who} del dia dl., 1 de gen. 2024 a les 10:00:",
        ("De", "Enviat el", "Per a", "Assumpte"),
        "El 1 gen 2024, a les 10:00, {who} va escriure:",
    ),
    "is": Speech(
        "{who} skrifaði (mán. 1. jan. 2024, 10:00):",
        ("Frá", "Sent", "Til", "Efni"),
    ),
}

#: A language that nobody speaks: here only signs, containers and shapes help.
UNKNOWN = Speech(
    "Zub qom, 1 xal 2024 wem 10:00 {who} vobrel:",
    ("Zom", "Blen", "Quor", "Vax"),
    "Zub 1 xal 2024 wem 10:00 {who} vobrel:",
    "Zub 2024-01-01 10:00, {name} vobrel:",
    date="1.1.2024 10:00",
)

NEW = ("The blue kettle arrived today with a broken lid.", "Please send me a second lid instead.")
OLD = (
    "Dear customer, your parcel left the warehouse yesterday evening.",
    "Which colour did you order, and is everything complete?",
    "Kind greetings from the whole crew at Nordlicht.",
)
SUBJECT = "Re: [Case 4711] Delivery of order 88213"


def fill(pattern: str) -> str:
    return pattern.format(who=WHO, name=NAME, address=ADDRESS)


def _wrap(line: str, width: int) -> list[str]:
    """Break a line at spaces as text parts are broken."""
    lines, now = [], ""
    for word in line.split(" "):
        if now and len(now) + 1 + len(word) > width:
            lines.append(now)
            now = word
        else:
            now = f"{now} {word}" if now else word
    return [*lines, now]


def _quote(lines: tuple[str, ...], sign: str = "> ") -> list[str]:
    quoted: list[str] = []
    for line in lines:
        quoted += [(sign + line).rstrip(), sign.rstrip()]
    return quoted[:-1]


# ------------------------------------------------------------------------------------------------ plain text

Style = Callable[[list[str], tuple[str, ...]], list[str]]


def _top(intro: list[str], quoted: tuple[str, ...]) -> list[str]:
    return [NEW[0], "", NEW[1], "", *intro, *_quote(quoted)]


def _top_spaced(intro: list[str], quoted: tuple[str, ...]) -> list[str]:
    return [NEW[0], NEW[1], "", "", *intro, "", *_quote(quoted)]


def _bottom(intro: list[str], quoted: tuple[str, ...]) -> list[str]:
    return [*intro, *_quote(quoted), "", NEW[0], "", NEW[1]]


def _inline(intro: list[str], quoted: tuple[str, ...]) -> list[str]:
    return [*intro, *_quote(quoted[:1]), "", NEW[0], "", *_quote(quoted[1:2]), "", NEW[1], "", *_quote(quoted[2:])]


def _tight_inline(intro: list[str], quoted: tuple[str, ...]) -> list[str]:
    return [*intro, f"> {quoted[0]}", NEW[0], f"> {quoted[1]}", NEW[1], f"> {quoted[2]}"]


def _unsigned(intro: list[str], quoted: tuple[str, ...]) -> list[str]:
    return [NEW[0], "", NEW[1], "", *intro, "", *[part for line in quoted for part in (line, "")]]


STYLES: dict[str, Style] = {
    "top": _top,
    "spaced": _top_spaced,
    "bottom": _bottom,
    "inline": _inline,
    "tight": _tight_inline,
    "unsigned": _unsigned,
}


def _text_replies(code: str, speech: Speech) -> Iterator[Case]:
    intros = {"gmail": speech.gmail, "apple": speech.apple, "thunderbird": speech.thunderbird}
    for client, pattern in intros.items():
        if not pattern:
            continue
        for wrapped in (0, 72, 50):
            intro = _wrap(fill(pattern), wrapped) if wrapped else [fill(pattern)]
            for style, lay in STYLES.items():
                if client == "thunderbird" and style == "unsigned":
                    continue  # it always writes quote signs
                body = "\n".join(lay(intro, OLD))
                yield Case(f"{code}-{client}-{style}-{wrapped}", body, None, NEW, (*OLD, ADDRESS))
        body = "\n".join([NEW[0], "", NEW[1], "", "> " + fill(pattern), ">", *_quote(OLD)])
        yield Case(f"{code}-{client}-signed-intro", body, None, NEW, (*OLD, ADDRESS))


SIGNATURE = "-- \nAnn Lee\nLee Tools Ltd, Main Street 5\n+41 44 000 00 00\nhttps://lee.example.net"
NOTICE = (
    "This e-mail and any files transmitted with it are confidential and intended solely for the use of the entity\n"
    "to whom they are addressed. If you are not the intended recipient please delete it."
)
LIST_FOOTER = f"{'_' * 47}\nkettles mailing list\nkettles@lists.example.org\nhttps://lists.example.org/kettles"
SCANNED = "---\nDiese E-Mail wurde von Avast Antivirus-Software auf Viren geprüft.\nwww.example.org"
VIRUS_FREE = "<https://www.example.org/sig-email>\nVirus-free.www.example.org\n<#DAB4FAD8-2DD7-40BB-A1B8-4E2AA1F9FDF2>"

#: What else stands around an answer, or was done to it on its way: text with {new}, {intro}, {signed}, {bare}.
SURROUNDINGS = {
    "no-gap": "{new}\n{intro}\n{signed}",
    "signature": f"{{new}}\n\n{SIGNATURE}\n\n{{intro}}\n\n{{signed}}",
    "signature-below": f"{{new}}\n\n{{intro}}\n{{signed}}\n\n{SIGNATURE}",
    "signature-after-bottom": f"{{intro}}\n{{signed}}\n\n{{new}}\n{SIGNATURE}",
    "notice": f"{{new}}\n\n{NOTICE}\n\n{{intro}}\n{{signed}}",
    "notice-below": f"{{new}}\n\n{{intro}}\n{{signed}}\n\n{NOTICE}",
    "list-below": f"{{new}}\n\n{{intro}}\n{{signed}}\n{LIST_FOOTER}",
    "scanned-below": f"{{new}}\n\n{{intro}}\n{{signed}}\n\n{SCANNED}",
    "virus-free": f"{{new}}\n\n{VIRUS_FREE}\n\n{{intro}}\n{{signed}}",
    "many-blanks": "{new}\n\n\n\n\n\n\n\n{intro}\n\n\n\n\n\n\n\n\n{signed}",
    "bottom-no-gap": "{intro}\n{signed}\n{new}",
    "two-announcements": "{new}\n\n{intro}\n\n{bare}\n\n{intro}\n\nolder words",
}


def _surrounded(code: str, speech: Speech) -> Iterator[Case]:
    signed = "\n".join([*_quote(OLD), "> > deeper words", ">> deeper still"])
    for name, pattern in SURROUNDINGS.items():
        parts = {"new": "\n".join(NEW), "intro": fill(speech.gmail), "signed": signed, "bare": "\n\n".join(OLD)}
        body = pattern.format(**parts)
        yield Case(f"{code}-{name}", body, None, NEW, (*OLD, ADDRESS))
        yield Case(f"{code}-{name}-crlf", body.replace("\n", "\r\n"), None, NEW, (*OLD, ADDRESS))
        yield Case(f"{code}-{name}-spaces", body.replace("\n", "  \n"), None, NEW, (*OLD, ADDRESS))
        yield Case(f"{code}-{name}-nbsp", body.replace(" ", "\xa0"), None, NEW, (*OLD, ADDRESS))


def _headers(speech: Speech, bold: bool = False) -> list[str]:
    values = (WHO, speech.date, "Ann Lee <ann@example.net>", SUBJECT)
    mark = "*" if bold else ""
    return [f"{mark}{label}:{mark} {value}" for label, value in zip(speech.labels, values, strict=True)]


def _outlook_texts(code: str, speech: Speech) -> Iterator[Case]:
    tail = ["", *[part for line in OLD for part in (line, "")]]
    heads = {
        "plain": _headers(speech),
        "rule": ["_" * 32, *_headers(speech)],
        "bold": _headers(speech, bold=True),
        "spaced": [part for line in _headers(speech) for part in (line, "")],
    }
    if speech.original:
        heads["original"] = [f"-----{speech.original}-----", *_headers(speech)]
        heads["samsung"] = ["", f"-------- {speech.original} --------", *_headers(speech)]
        heads["qq"] = ["", f"------------------ {speech.original} ------------------", *_headers(speech)[:1]]
    for name, head in heads.items():
        body = "\n".join([NEW[0], "", NEW[1], "", *head, *tail])
        yield Case(f"{code}-outlook-{name}", body, None, NEW, (*OLD, ADDRESS))
    if speech.phone:
        body = "\n".join([NEW[0], "", NEW[1], "", speech.phone, "", fill(speech.gmail), "", *_quote(OLD)])
        yield Case(f"{code}-phone", body, None, NEW, (*OLD, speech.phone))
        yield Case(f"{code}-phone-only", "\n".join([*NEW, "", speech.phone]), None, NEW, (speech.phone,))
    if speech.outlook:
        body = "\n".join([NEW[0], "", NEW[1], "", speech.outlook, "_" * 32, *_headers(speech), *tail])
        yield Case(f"{code}-outlook-mobile", body, None, NEW, (*OLD, speech.outlook))
    if speech.forwarded:
        body = "\n".join([NEW[0], "", NEW[1], "", f"---------- {speech.forwarded} ---------", *_headers(speech), *tail])
        yield Case(f"{code}-forward-gmail", body, None, NEW, OLD)
        body = "\n".join([NEW[0], NEW[1], "", f"{speech.forwarded}:", "", *_headers(speech), *tail])
        yield Case(f"{code}-forward-apple", body, None, NEW, OLD)


# ------------------------------------------------------------------------------------------------ HTML


def _p(lines: tuple[str, ...], tag: str = "div") -> str:
    return f"<{tag}><br></{tag}>".join(f"<{tag}>{escape(line)}</{tag}>" for line in lines)


def _html_gmail(code: str, speech: Speech) -> Iterator[Case]:
    intro = escape(fill(speech.gmail)).replace(escape(ADDRESS), f'<a href="mailto:{ADDRESS}">{ADDRESS}</a>')
    attr = f'<div dir="ltr" class="gmail_attr">{intro}<br></div>'
    style = 'style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"'
    quote = f'<blockquote class="gmail_quote" {style}>{_p(OLD)}</blockquote>'
    new = f'<div dir="ltr">{_p(NEW)}</div>'
    yield Case(f"{code}-gmail-html-top", None, f'{new}<br><div class="gmail_quote">{attr}{quote}</div>', NEW,
               (*OLD, ADDRESS))  # fmt: skip
    old = f'<div class="gmail_extra"><br><div class="gmail_quote">{intro}<br>{quote}</div><br></div>'
    yield Case(f"{code}-gmail-html-old", None, new + old, NEW, (*OLD, ADDRESS))
    signature = '<div class="gmail_signature" data-smartmail="gmail_signature">Ann Lee<br>Lee Tools Ltd</div>'
    yield Case(f"{code}-gmail-html-signed", None,
               f'{new}<br clear="all"><div><br></div><span class="gmail_signature_prefix">-- </span><br>{signature}'
               f'<br><div class="gmail_quote gmail_quote_container">{attr}{quote}</div>', NEW,
               (*OLD, "Lee Tools Ltd"))  # fmt: skip
    parts = "".join(
        f'<blockquote class="gmail_quote" {style}><div>{escape(old)}</div></blockquote><div>{escape(answer)}</div>'
        for old, answer in zip(OLD, NEW, strict=False)
    )
    yield Case(f"{code}-gmail-html-inline", None, f'<div dir="ltr"><div class="gmail_quote">{attr}{parts}</div></div>',
               NEW, (*OLD[:2], ADDRESS))  # fmt: skip


def _html_outlook(code: str, speech: Speech) -> Iterator[Case]:
    values = (WHO, speech.date, "Ann Lee <ann@example.net>", SUBJECT)
    rows = "<br>".join(
        f"<b>{escape(label)}:</b> {escape(value)}" for label, value in zip(speech.labels, values, strict=True)
    )
    new, old = _p(NEW, "p"), _p(OLD, "p")
    desktop = (
        f'<div class="WordSection1"><p class="MsoNormal">{"</p><p class=MsoNormal>".join(map(escape, NEW))}</p>'
        '<p class="MsoNormal">&nbsp;</p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;'
        f'padding:3.0pt 0in 0in 0in"><p class="MsoNormal">{rows}</p></div></div>{old}</div>'
    )
    yield Case(f"{code}-outlook-html-desktop", None, desktop, NEW, (*OLD, ADDRESS))
    web = (
        f'<div class="elementToProof">{new}</div><div id="appendonsend"></div>'
        '<hr style="display:inline-block;width:98%" tabindex="-1">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri">{rows}</font><div>&nbsp;</div></div><div>{old}</div>'
    )
    yield Case(f"{code}-outlook-html-web", None, web, NEW, (*OLD, ADDRESS))
    mobile = (
        f'<div>{new}</div><div id="ms-outlook-mobile-signature">{escape(speech.outlook or "Outlook for iOS")}</div>'
        '<div id="mail-editor-reference-message-container"><hr style="display:inline-block;width:98%">'
        f'<div id="divRplyFwdMsg"><font>{rows}</font></div>{old}</div>'
    )
    yield Case(f"{code}-outlook-html-mobile", None, mobile, NEW, (*OLD, ADDRESS, "iOS"))


def _html_forwards(code: str, speech: Speech) -> Iterator[Case]:
    if not speech.forwarded:
        return
    new, old, rows = _p(NEW), _p(OLD), "<br>".join(escape(row) for row in _headers(speech))
    title = f"---------- {speech.forwarded} ---------"
    bodies = {
        "gmail": f"<div dir='ltr'>{new}<br><div class='gmail_quote'><div dir='ltr' class='gmail_attr'>{title}<br>{rows}"
        f"<br></div><br><br>{old}</div></div>",
        "gmail-old": f"<div dir='ltr'>{new}<br><div class='gmail_quote'>{title}<br>{rows}<br><br>{old}</div></div>",
        "apple": f"<div>{new}</div><div><br><blockquote type='cite'><div>{speech.forwarded}:</div><br><div>{rows}</div>"
        f"<br><div>{old}</div></blockquote></div>",
        "thunderbird": f"<p>{escape(NEW[0])}</p><p>{escape(NEW[1])}</p><div class='moz-forward-container'><br><br>"
        f"-------- {speech.forwarded} --------<table class='moz-email-headers-table'><tr><td>{rows}</td></tr></table>"
        f"<br>{old}</div>",
    }
    for client, body in bodies.items():
        yield Case(f"{code}-{client}-html-forward", None, body, NEW, (*OLD, ADDRESS))


def _html_others(code: str, speech: Speech) -> Iterator[Case]:
    new, old = _p(NEW), _p(OLD)
    intro = escape(fill(speech.apple or speech.gmail))
    name_intro = escape(fill(speech.thunderbird or speech.gmail))
    bodies = {
        "apple": f"<div>{new}</div><div><br><blockquote type='cite'><div>{intro}</div>"
        f"<br class='Apple-interchange-newline'><div>{old}</div></blockquote></div>",
        "iphone": f"<div dir='ltr'>{new}</div><div dir='ltr'><br>{escape(speech.phone)}</div><div dir='ltr'><br>"
        f"<blockquote type='cite'>{intro}<br><br></blockquote></div>"
        f"<blockquote type='cite'><div>{old}</div></blockquote>",
        "thunderbird": f"<body><p>{escape(NEW[0])}</p><p>{escape(NEW[1])}</p><div class='moz-cite-prefix'>{name_intro}"
        f"<br></div><blockquote type='cite' cite='mid:1@example.org'>{old}</blockquote></body>",
        "thunderbird-bottom": f"<div class='moz-cite-prefix'>{name_intro}<br></div><blockquote type='cite'>{old}"
        f"</blockquote><p>{escape(NEW[0])}</p><p>{escape(NEW[1])}</p><div class='moz-signature'>-- <br>Ann Lee</div>",
        "yahoo": f"<div class='ydp1a2b3cyahoo-style-wrap'>{new}<div><br></div></div><div id='ydp9yahoo_quoted_123' "
        f"class='ydp9yahoo_quoted'><div><div>{intro}</div><div><br></div><div>{old}</div></div></div>",
        "proton": f"<div>{new}</div><div class='protonmail_signature_block'><div>Ann Lee, Lee Tools</div></div>"
        f"<div class='protonmail_quote'>{intro}<br><blockquote class='protonmail_quote' type='cite'>{old}</blockquote>"
        "</div>",
        "zoho": f"<div>{new}</div><div class='zmail_extra' id='zmail_extra'><br>"
        f"<div id='Zm-_Id_-Sgn1'>---- {intro[:-1]}"
        f" ---</div><br><blockquote id='blockquote_zmail' style='margin:0px'><div>{old}</div></blockquote></div>",
        "webde": f"<div>{new}<div><br></div><div name='quote' style='margin:10px 5px 5px 10px;'><div>{intro}</div>"
        f"<div name='quoted-content'>{old}</div></div></div>",
        "spark": f"<div name='messageBodySection'>{new}</div><div name='messageReplySection'>{intro}<br>"
        f"<blockquote type='cite'>{old}</blockquote></div>",
        "mailru": f"<div>{new}</div>"
        "<blockquote style='border-left:1px solid #0857A6; margin:10px; padding:0 0 0 10px;'>"
        f"{intro}<br>{old}</blockquote>",
        "plain-quote": f"<div>{new}</div><div>{intro}</div><blockquote>{old}</blockquote>",
        "fastmail": f"<div>{new}</div><div>{intro}</div><blockquote type='cite' id='qt'>{old}</blockquote>",
        "roundcube": f"<p>{escape(NEW[0])}</p><p>{escape(NEW[1])}</p><p id='reply-intro'>{intro}</p>"
        f"<blockquote type='cite' style='padding: 0 0.4em; border-left: #1010ff 2px solid; margin: 0'><div>{old}</div>"
        "</blockquote>",
        "zimbra": f"<div>{new}</div><hr id='zwchr' data-marker='__DIVIDER__'><div data-marker='__HEADERS__'>"
        f"<b>{escape(speech.labels[0])}: </b>{escape(WHO)}<br></div><div data-marker='__QUOTED_TEXT__'>{old}</div>",
        "samsung": f"<div>{new}</div><div><br></div><div id='composer_signature'>{escape(speech.phone)}</div><div><br>"
        f"</div><div>-------- {escape(speech.original or 'Original message')} --------</div>"
        + "".join(f"<div>{escape(row)}</div>" for row in _headers(speech))
        + f"<div><br></div>{old}",
        "qq": f"<div>{new}</div><div><br></div><div style='font-size: 12px;'>------------------&nbsp;"
        f"{escape(speech.original or 'Original')}&nbsp;------------------</div><div style='background:#efefef;'>"
        + "".join(f"<div><b>{escape(row)}</b></div>" for row in _headers(speech))
        + f"</div><div>{old}</div>",
        "lines": f"{escape(NEW[0])}<br>{escape(NEW[1])}<br><br>{intro}<br>"
        + "<br>".join(escape(f"> {line}") for line in OLD),
    }
    for client, body in bodies.items():
        yield Case(f"{code}-{client}-html", None, f"<html><body>{body}</body></html>", NEW, (*OLD, ADDRESS))


#: Announcements of further programs, in the language that each was met in.
PROGRAMS = {
    "groupwise": (">>> {who} 1/1/2024 10:00 AM >>>",),
    "aol": ("In a message dated 1/1/2024 10:00:00 A.M. Eastern Standard Time, {address} writes:",),
    "aol2": (
        "In a message dated 1/1/2024 10:00:00 A.M. Eastern Standard Time, ",
        "{address} writes:",
    ),
    "aolde": (
        "In einer eMail vom 01.01.2024 10:00:00 Westeuropäische Normalzeit schreibt ",
        "{address}:",
    ),
    "mailru": ("Понедельник, 1 января 2024, 10:00 +03:00 от {who}:",),
    "yandex": ('01.01.2024, 10:00, "{name}" <{address}>:',),
    "tutanota": ("Jan 1, 2024, 10:00 by {address}:",),
    "proton": (
        "------- Original Message -------",
        "On Monday, January 1st, 2024 at 10:00 AM, {who} wrote:",
    ),
    "proton2": ("On Monday, January 1st, 2024 at 10:00 AM, {who} wrote:",),
    "spark": ("On 1 Jan 2024 at 10:00 +0100, {who}, wrote:",),
    "airmail": ("On 1 January 2024 at 10:00:00, {name} ({address}) wrote:",),
    "horde": ("Zitat von {who}:",),
    "horde en": ("Quoting {who}:",),
    "netease": ('At 2024-01-01 10:00:00, "{name}" <{address}> wrote:',),
    "netease zh": ('在 2024-01-01 10:00:00，"{name}" <{address}> 写道：',),
    "gmx": (
        "Gesendet: Montag, 01. Januar 2024 um 10:00 Uhr",
        'Von: "{name}" <{address}>',
        "An: ann@example.net",
        "Betreff: Re: Fall 4711",
    ),
    "tonline": (
        "-----Original-Nachricht-----",
        "Betreff: Re: Fall",
        "Datum: 2024-01-01T10:00:00+0100",
        'Von: "{name}" <{address}>',
        'An: "ann@example.net" <ann@example.net>',
    ),
    "seznam": (
        "---------- Původní e-mail ----------",
        "Od: {who}",
        "Komu: ann@example.net",
        "Datum: 1. 1. 2024 10:00:00",
        "Předmět: Re: x",
    ),
    "onet": ("Dnia 1 stycznia 2024 10:00 {who} napisał(a):",),
    "onet2": ("W dniu 2024-01-01 10:00:00 użytkownik {who} napisał:",),
    "libero": (
        "----Messaggio originale----",
        "Da: {address}",
        "Data: 01-gen-2024 10.00",
        "A: <ann@example.net>",
        "Ogg: Re: x",
    ),
    "laposte": (
        "> Message du 01/01/24 10:00",
        '> De : "{name}" <{address}>',
        "> A : ann@example.net",
        "> Copie à : ",
        "> Objet : Re: x",
        "> ",
    ),
    "sfr": (
        "----- Mail original -----",
        'De: "{name}" <{address}>',
        "À: ann@example.net",
        "Envoyé: Lundi 1 Janvier 2024 10:00:00",
        "Objet: Re: x",
    ),
    "uol": ("Em 01/01/2024 10:00, {name} < {address} > escreveu:",),
    "blackberry": (
        "  Original Message  ",
        "From: {who}",
        "Sent: Monday, January 1, 2024 10:00 AM",
        "To: ann@example.net",
        "Subject: Re: x",
    ),
    "lotus": (
        "From:        {who}",
        "To:        Ann Lee/Lee@LEE",
        "Date:        01/01/2024 10:00 AM",
        "Subject:        Re: x",
    ),
    "dingtalk": (
        "------------------------------------------------------------------",
        "发件人：{who}",
        "日\u3000期：2024年01月01日 10:00:00",
        "收件人：ann<ann@example.net>",
        "主\u3000题：Re: x",
    ),
    "foxmail": (
        "",
        "",
        "发件人： {who}",
        "发送时间： 2024-01-01 10:00",
        "收件人： ann",
        "主题： Re: x",
    ),
    "qq": (
        "",
        "",
        "------------------ 原始邮件 ------------------",
        '发件人: "{name}" <{address}>;',
        "发送时间: 2024年1月1日(星期一) 上午10:00",
        '收件人: "ann"<ann@example.net>;',
        "主题: Re: x",
    ),
    "qq2": (
        "",
        "",
        "------------------&nbsp;Original&nbsp;------------------",
        'From:  "{name}"<{address}>;',
        "Date:  Mon, Jan 1, 2024 10:00 AM",
        'To:  "ann"<ann@example.net>;',
        "Subject:  Re: x",
    ),
    "daum": (
        "--------- 원본 메일 ---------",
        "보낸사람 : {who}",
        "받는사람 : ann@example.net",
        "날짜 : 2024년 1월 1일 월요일, 10시 00분 00초",
        "제목 : Re: x",
    ),
    "hotmail old": (
        "________________________________",
        "From: {who}",
        "To: ann@example.net",
        "Subject: Re: x",
        "Date: Mon, 1 Jan 2024 10:00:00 +0000",
    ),
    "hotmail older": (
        "Date: Mon, 1 Jan 2024 10:00:00 +0000",
        "From: {address}",
        "To: ann@example.net",
        "Subject: Re: x",
    ),
    "yahoo": ("--- On Mon, 1/1/24, {who} wrote:",),
    "yahoo old": (
        "________________________________",
        " From: {who}",
        "To: ann@example.net ",
        "Sent: Monday, January 1, 2024 10:00 AM",
        "Subject: Re: x",
        " ",
    ),
    "zoho": ("---- On Mon, 01 Jan 2024 10:00:00 +0100 {who} wrote ---",),
    "zoho2": ("---- On Mon, 01 Jan 2024 10:00:00 +0530 {name} wrote ----",),
    "outlook reply mac": (
        "From: {who}",
        "Date: Monday, 1 January 2024 at 10:00",
        "To: Ann <ann@example.net>",
        "Subject: Re: x",
    ),
    "outlook2003": (
        "  _____  ",
        "",
        "From: {name} [mailto:{address}] ",
        "Sent: Monday, January 01, 2024 10:00 AM",
        "To: ann@example.net",
        "Subject: Re: x",
    ),
    "gnus": ("{who} writes:",),
    "kmail": ("On Monday, 1 January 2024 10:00:00 CET {name} wrote:",),
    "mutt": ("On Mon, Jan 01, 2024 at 10:00:00AM +0100, {name} wrote:",),
    "pine": ("On Mon, 1 Jan 2024, {name} wrote:",),
    "exmh": ("{name} wrote on 01.01.2024 10:00:",),
    "k9": ("Am 1. Januar 2024 10:00:00 MEZ schrieb {who}:",),
    "k9en": (
        "-------- Original Message --------",
        "From: {who}",
        "Sent: 1 January 2024 10:00:00 CET",
        "To: ann",
        "Subject: Re: x",
    ),
    "fairemail": ("On January 1, 2024 10:00:00 AM GMT+01:00, {who} wrote:",),
    "superhuman": ("On Mon, Jan 01, 2024 at 10:00 AM, {name} < {address} > wrote:",),
    "front": ("On January 1, 2024 at 10:00 AM GMT+1 {address} wrote:",),
    "oxapp": (
        "> {who} hat am 01.01.2024 10:00 CET geschrieben:",
        ">  ",
        "> ",
    ),
    "oxapp en": (
        "> On 01/01/2024 10:00 CET {who} wrote:",
        ">  ",
    ),
    "ionos": ("{who} hat am 1. Januar 2024 um 10:00 geschrieben:",),
    "hey": ("On January 1, 2024, {who} wrote:",),
    "missive": ("On Mon, Jan 1, 2024 10:00, {who} wrote:",),
    "icloud web": (
        "On Jan 1, 2024, at 10:00 AM, {who} wrote:",
        "",
        "",
    ),
    "samsung": (
        "",
        "-------- Original message --------",
        "From: {who} ",
        "Date: 1/1/24  10:00 AM  (GMT+01:00) ",
        "To: ann@example.net ",
        "Subject: Re: x ",
    ),
    "samsung2": (
        "",
        "-------- Ursprüngliche Nachricht --------",
        "Von: {who} ",
        "Datum: 01.01.24  10:00  (GMT+01:00) ",
        "An: ann@example.net ",
        "Betreff: Re: x ",
    ),
    "htc": (
        "----- Reply message -----",
        'From: "{name}" <{address}>',
        'To: "Ann" <ann@example.net>',
        "Subject: Re: x",
        "Date: Mon, Jan 1, 2024 10:00",
    ),
    "windows phone": (
        "________________________________",
        "From: Shop<mailto:{address}>",
        "Sent: \u200e1/\u200e1/\u200e2024 10:00 AM",
        "To: ann<mailto:ann@example.net>",
        "Subject: Re: x",
    ),
    "apple he": ("\u200f\u202bב-1 בינו׳ 2024, בשעה 10:00, \u200f\u200f{who} כתב/ה:\u202c",),
    "outlook ar": (
        "من: {who}",
        "تم الإرسال: 01/يناير/2024 10:00 ص",
        "إلى: ann",
        "الموضوع: Re: x",
    ),
}


def _programs() -> Iterator[Case]:
    for program, lines in PROGRAMS.items():
        intro = [fill(line) for line in lines]
        styles = ("top", "bottom") if intro[0].startswith(">") else ("top", "bottom", "unsigned")
        for style in styles:
            yield Case(f"{program}-{style}", "\n".join(STYLES[style](intro, OLD)), None, NEW, (*OLD, ADDRESS))


def all_cases() -> Iterator[Case]:
    """Every layout in every language."""
    for code, speech in SPEECH.items():
        yield from _text_replies(code, speech)
        yield from _outlook_texts(code, speech)
        yield from _surrounded(code, speech)
        yield from _html_gmail(code, speech)
        yield from _html_outlook(code, speech)
        yield from _html_forwards(code, speech)
        yield from _html_others(code, speech)
    for case in (*_html_gmail("zz", UNKNOWN), *_html_outlook("zz", UNKNOWN), *_html_others("zz", UNKNOWN)):
        if not case.id.startswith(("zz-samsung", "zz-qq")):  # these mark nothing, and nobody speaks the language
            yield case
    yield from _text_replies("zz", UNKNOWN)
    for case in _outlook_texts("zz", UNKNOWN):
        if case.id in ("zz-outlook-plain", "zz-outlook-rule", "zz-outlook-bold"):
            yield case
    yield from _programs()
