"""The words by which mail programs announce a quotation: one record a language, and the tables made of them.

To add a language, add a record. Everything is lower case; entries are separated by commas. Words of scripts that are
written without spaces (and beginnings of words, where a language bends their ends) are searched inside a line.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """What one language says around quotations.

    starts: first words of "On <date>, <person> wrote:". verbs: "wrote". calendar: months and days, long and short.
    sender … subject: labels of a carried header. original, forwarded: beginnings of the words that stand between rows
    of dashes. mobile: beginnings of "Sent from my phone". legal: stems of "confidential", a bar, stems of "recipient".
    """

    starts: str = ""
    verbs: str
    calendar: str
    sender: str
    date: str
    to: str
    copy: str = ""
    subject: str
    original: str = ""
    forwarded: str
    mobile: str = ""
    legal: str = ""
    unspaced: bool = field(default=False)


LANGUAGES: Final[dict[str, Language]] = {
    "en": Language(
        starts="on, at, in, quoting, in a message dated",
        verbs="wrote, writes, quoting",
        calendar="january, february, march, april, may, june, july, august, september, october,"
        "november, december, jan, feb, mar, apr, jun, jul, aug, sep, sept, oct, nov, dec, monday, tuesday,"
        "wednesday, thursday, friday, saturday, sunday, mon, tue, tues, wed, thu, thur, thurs, fri, sat,"
        "sun",
        sender="from, sender, on behalf of",
        date="date, sent, sent on, date sent, sent at, sent date, received",
        to="to, sent to, recipient, recipients",
        copy="cc, bcc, c.c., carbon copy",
        subject="subject, re, subj",
        original="original message, original email, original e-mail, original mail,"
        "original appointment, reply message, reply above, replied message, message from",
        forwarded="forward",
        mobile="sent from, sent via, sent with, sent using, sent wirelessly, sent on,"
        "sent secure, get outlook, get bluemail, download outlook",
        legal="confidential, privileged | recipient, addressee, addressed, named above, solely for",
    ),
    "de": Language(
        starts="am, zitat, in einer email vom, in einer e-mail vom",
        verbs="schrieb, schrieben, geschrieben, schreibt, zitat",
        calendar="januar, jänner, februar, märz, mai, juni, juli, oktober, dezember, mär, okt, dez,"
        "montag, dienstag, mittwoch, donnerstag, freitag, samstag, sonnabend, sonntag, mo, di, mi, do, fr,"
        "sa, so",
        sender="von, absender",
        date="datum, gesendet, gesendet am, versendet, datum/zeit",
        to="an, empfänger, gesendet an",
        copy="kopie, kopie an, kopie (cc), blindkopie",
        subject="betreff, betr., betr, thema",
        original="ursprüngliche nachricht, ursprüngliche mail, originalnachricht, original-nachricht,"
        "original nachricht, originalmail, original-mail, ursprünglicher termin, urspr",
        forwarded="weitergeleitet, weiterleit, anfang der weitergeleiteten",
        mobile="gesendet von, gesendet mit, gesendet vom, gesendet über, "
        "versendet mit, versendet von, diese nachricht wurde von, diese mail wurde von, outlook für,"
        "holen sie sich outlook, laden sie outlook",
        legal="vertraulich | empfänger, adressat",
    ),
    "fr": Language(
        starts="le, en date du",
        verbs="écrit, ecrit, écrivait, écrivit, citation",
        calendar="janvier, février, mars, avril, mai, juin, juillet, août, aout, septembre, octobre,"
        "novembre, décembre, janv, févr, fév, avr, juil, déc, lundi, mardi, mercredi, jeudi, vendredi,"
        "samedi, dimanche, lun, mer, jeu, ven, sam, dim",
        sender="de, expéditeur, envoyé par, de la part de, de part",
        date="date, envoyé, envoye, envoyé le, date d'envoi, date et heure",
        to="à, a, pour, destinataire, destinataires, envoyé à",
        copy="copie, copie à, cc, cci",
        subject="objet, sujet",
        original="message d'origine, message d’origine, message original, message initial,"
        "courriel original, mail original, e-mail d'origine, message de départ",
        forwarded="transfér, transféré, message transmis, réexpédié, début du message,faire suivre",
        mobile="envoyé de, envoyé depuis, envoyé à partir, envoyé par, envoyé avec, envoye de,"
        "envoyé via, télécharger outlook, obtenez outlook, obtenir outlook, outlook pour, provenance :",
        legal="confidentiel, confidentialité | destinataire",
    ),
    "es": Language(
        starts="el, en, citando",
        verbs="escribió, escribio, escribe, escribieron, escrito, citando",
        calendar="enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, setiembre,"
        "octubre, noviembre, diciembre, ene, abr, ago, dic, lunes, martes, miércoles, jueves, viernes,"
        "sábado, domingo, mié, jue, vie, sáb, dom",
        sender="de, remitente, desde, enviado por",
        date="fecha, enviado, enviado el, enviado a las, fecha de envío",
        to="para, a, destinatario, destinatarios, enviado a",
        copy="con copia, copia, cco, copia a",
        subject="asunto, tema",
        original="mensaje original, correo original, mensaje de origen, mensaje anterior",
        forwarded="reenvia, mensaje reenviado, inicio del mensaje, remitido",
        mobile="enviado desde, enviado de, enviado mediante, enviado con, enviado por, obtener outlook,"
        "obtén outlook, descargar outlook, outlook para",
        legal="confidencial | destinatari",
    ),
    "pt": Language(
        starts="em, no dia, a, citando",
        verbs="escreveu, escreveram, escreve, escrito",
        calendar="janeiro, fevereiro, março, abril, maio, junho, julho, setembro, outubro, novembro,"
        "dezembro, fev, mai, set, out, dez, segunda, terça, quarta, quinta, sexta, sábado, domingo, seg,"
        "ter, qua, qui, sex, dom, feira",
        sender="de, remetente, enviado por",
        date="data, enviado, enviada, enviado em, enviada em, enviado a, data de envio",
        to="para, destinatário, destinatários, a",
        copy="cópia, com cópia, cco",
        subject="assunto",
        original="mensagem original, mensagem de origem, e-mail original, mensagem anterior",
        forwarded="encaminh, reencaminh",
        mobile="enviado do, enviado a partir, enviado via, enviado através, obter o outlook,"
        "obtenha o outlook, baixe o outlook, enviada do, enviado pelo, enviado por meio",
        legal="confidencia | destinatári",
    ),
    "it": Language(
        starts="il, in data, alle, nel",
        verbs="scritto, scrive, scrisse, scriveva",
        calendar="gennaio, febbraio, marzo, aprile, maggio, giugno, luglio, agosto, settembre, ottobre,"
        "novembre, dicembre, gen, mag, giu, lug, ago, set, ott, dic, lunedì, martedì, mercoledì,"
        "giovedì, venerdì, sabato, domenica, lun, mar, mer, gio, ven, sab, dom",
        sender="da, mittente, inviato da, per conto di",
        date="data, inviato, inviato il, data invio, ora",
        to="a, destinatario, per, destinatari",
        copy="cc, ccn, copia, per conoscenza",
        subject="oggetto, ogg",
        original="messaggio originale, messaggio di origine, mail originale, messaggio originario",
        forwarded="inoltra, inizio messaggio",
        mobile="inviato da, inviato dal, inviato con, inviato tramite, scarica outlook,ottieni outlook, outlook per",
        legal="riservat, confidenzial | destinatari",
    ),
    "nl": Language(
        starts="op, citeren",
        verbs="schreef, schreven, geschreven, schrijft",
        calendar="januari, februari, maart, april, mei, juni, juli, augustus, september, oktober,"
        "november, december, mrt, okt, maandag, dinsdag, woensdag, donderdag, vrijdag, zaterdag, zondag,"
        "ma, di, wo, do, vr, za, zo",
        sender="van, afzender, verzonden door",
        date="datum, verzonden, verzonden op, verstuurd",
        to="aan, ontvanger, naar",
        copy="cc, kopie, kopie aan",
        subject="onderwerp, betreft",
        original="oorspronkelijk, originele bericht, origineel bericht",
        forwarded="doorgestuurd, doorgezonden, begin doorgestuurd",
        mobile="verzonden met, verzonden vanaf, verzonden vanuit, verzonden via, verstuurd vanaf,"
        "verstuurd met, verstuurd via, verstuurd vanuit, outlook voor, download outlook,"
        "outlook downloaden",
        legal="vertrouwelijk | geadresseerde, ontvanger, bestemd",
    ),
    "sv": Language(
        starts="den, på, kl",
        verbs="skrev, skriver",
        calendar="januari, februari, mars, april, maj, juni, juli, augusti, september, oktober,"
        "november, december, okt, måndag, tisdag, onsdag, torsdag, fredag, lördag, söndag, mån, tis, ons,"
        "tors, tor, fre, lör, sön",
        sender="från, avsändare",
        date="datum, skickat, skickat den, skickades",
        to="till, mottagare",
        copy="kopia, kopia till, hemlig kopia",
        subject="ämne, angående",
        original="ursprungligt meddelande, originalmeddelande, ursprungligt, ursprungsmeddelande",
        forwarded="vidarebefordra, vidarebefordrat brev, vidaresänt",
        mobile="skickat från, skickades från, skickat med, skickat via, skaffa outlook, hämta outlook,sänt från",
        legal="konfidentiell, sekretess | mottagare, adressat, avsedd",
    ),
    "da": Language(
        starts="den, d., på",
        verbs="skrev, skriver",
        calendar="januar, februar, marts, april, maj, juni, juli, august, september, oktober, november,"
        "december, okt, mandag, tirsdag, onsdag, torsdag, fredag, lørdag, søndag, man, tir, tirs, ons,"
        "tor, tors, fre, lør, søn",
        sender="fra, afsender",
        date="dato, sendt, sendt den, modtaget",
        to="til, modtager, modtagere",
        copy="kopi, cc, kopi til",
        subject="emne, vedr., vedrørende",
        original="oprindelig, original meddelelse, original besked, originalmeddelelse",
        forwarded="videresend, start på videresendt",
        mobile="sendt fra, sendt med, sendt via, hent outlook, få outlook, download outlook",
        legal="fortrolig | modtager, adressat",
    ),
    "no": Language(
        starts="den, på, kl",
        verbs="skrev, skriver, skreiv",
        calendar="januar, februar, mars, april, mai, juni, juli, august, september, oktober, november,"
        "desember, des, mandag, tirsdag, onsdag, torsdag, fredag, lørdag, søndag, laurdag, sundag, man,"
        "tir, ons, tor, fre, lør, søn",
        sender="fra, avsender",
        date="dato, sendt, sendt den",
        to="til, mottaker, mottakere",
        copy="kopi, kopi til, blindkopi",
        subject="emne",
        original="opprinnelig, original melding, originalmelding",
        forwarded="videresend, vidaresend",
        mobile="sendt fra, sendt med, sendt via, skaff deg outlook, last ned outlook, få outlook,hent outlook",
        legal="konfidensiel, fortrolig | mottaker, adressat",
    ),
    "fi": Language(
        verbs="kirjoitti, kirjoittaa, kirjoittivat, lainaus",
        calendar="tammikuuta, helmikuuta, maaliskuuta, huhtikuuta, toukokuuta, kesäkuuta, heinäkuuta,"
        "elokuuta, syyskuuta, lokakuuta, marraskuuta, joulukuuta, tammik, helmik, maalisk, huhtik, toukok,"
        "kesäk, heinäk, elok, syysk, lokak, marrask, jouluk, maanantai, tiistai, keskiviikko, torstai,"
        "perjantai, lauantai, sunnuntai, maanantaina, tiistaina, keskiviikkona, torstaina, perjantaina,"
        "lauantaina, sunnuntaina, ma, ti, ke, to, pe, la, su",
        sender="lähettäjä, keneltä",
        date="päivämäärä, päiväys, lähetetty, lähetysaika, pvm, päivä",
        to="vastaanottaja, kohde, kenelle",
        copy="kopio, kopiot, piilokopio",
        subject="aihe, otsikko",
        original="alkuperäi",
        forwarded="edelleenläh, edelleen läh, välitetty, välitetyn, välitetyt, uudelleenohjattu",
        mobile="lähetetty, hanki outlook, hae outlook, outlook-sovellus, lähetin tämän",
        legal="luottamuksel | vastaanottaj",
    ),
    "is": Language(
        starts="þann, þ",
        verbs="skrifaði, ritaði, reit",
        calendar="janúar, febrúar, mars, apríl, maí, júní, júlí, ágúst, september, október,"
        "nóvember, desember, jún, júl, ágú, okt, nóv, des, mánudagur, þriðjudagur, miðvikudagur,"
        "fimmtudagur, föstudagur, laugardagur, sunnudagur, mán, þri, mið, fim, fös, lau, sun",
        sender="frá, sendandi",
        date="dagsetning, sent, dags.",
        to="til, viðtakandi",
        copy="afrit",
        subject="efni",
        original="upprunaleg",
        forwarded="áframsend, framsend",
        mobile="sent úr, sent frá, sótt með",
        legal="trúnað | viðtakand",
    ),
    "et": Language(
        starts="kuupäev, kuupäeval, kell",
        verbs="kirjutas, kirjutab",
        calendar="jaanuar, veebruar, märts, aprill, mai, juuni, juuli, august, september, oktoober,"
        "november, detsember, jaan, veebr, apr, okt, dets, esmaspäev, teisipäev, kolmapäev, neljapäev,"
        "reede, laupäev, pühapäev",
        sender="saatja, kellelt",
        date="kuupäev, saadetud, saatmisaeg",
        to="saaja, adressaat, kellele",
        copy="koopia",
        subject="teema",
        original="algne, algkiri, algsõnum, originaal",
        forwarded="edastat, edasisaadet",
        mobile="saadetud minu, saadetud seadmest, saadetud rakendusest",
        legal="konfidentsiaal | saaja, adressaa",
    ),
    "lv": Language(
        verbs="rakstīja, uzrakstīja, raksta",
        calendar="janvāris, februāris, marts, aprīlis, maijs, jūnijs, jūlijs, augusts, septembris,"
        "oktobris, novembris, decembris, janv, febr, jūn, jūl, okt, dec, pirmd, otrd, trešd, ceturtd,"
        "piektd, sestd, svētd, pirmdien, otrdien, trešdien, ceturtdien, piektdien, sestdien, svētdien,"
        "gada",
        sender="no, sūtītājs",
        date="datums, nosūtīts, nosūtīšanas datums",
        to="kam, saņēmējs, adresāts",
        copy="kopija",
        subject="temats, tēma",
        original="sākotnēj, oriģināl",
        forwarded="pārsūtīt",
        mobile="nosūtīts no, sūtīts no",
        legal="konfidenciāl | saņēmēj, adresāt",
    ),
    "lt": Language(
        verbs="rašė, parašė, rašo",
        calendar="sausio, vasario, kovo, balandžio, gegužės, birželio, liepos, rugpjūčio, rugsėjo,"
        "spalio, lapkričio, gruodžio, pirmadienis, antradienis, trečiadienis, ketvirtadienis,"
        "penktadienis, šeštadienis, sekmadienis, pr, an, tr, kt, pn, št, sk, sausis, vasaris, kovas",
        sender="nuo, siuntėjas",
        date="data, išsiųsta, siuntimo data",
        to="kam, gavėjas, iki",
        copy="kopija",
        subject="tema",
        original="pirminis, pradinis, originalus",
        forwarded="persiųst, persiunči",
        mobile="išsiųsta iš, siųsta iš",
        legal="konfidencial | gavėj, adresat",
    ),
    "pl": Language(
        starts="w dniu, dnia, w, dn., cytując",
        verbs="napisał, napisała, napisali, napisał/a, napisano, napisana, pisze, pisał, pisała",
        calendar="stycznia, lutego, marca, kwietnia, maja, czerwca, lipca, sierpnia, września,"
        "października, listopada, grudnia, sty, lut, kwi, cze, lip, sie, wrz, paź, lis, gru,"
        "poniedziałek, wtorek, środa, czwartek, piątek, sobota, niedziela, pon, wt, śr, czw, pt, sob,"
        "niedz, ndz, styczeń, luty",
        sender="od, nadawca",
        date="data, wysłano, wysłane, data wysłania",
        to="do, adresat, odbiorca",
        copy="dw, do wiadomości, udw, kopia",
        subject="temat",
        original="oryginaln, pierwotn, wiadomość oryginalna, wiadomość pierwotna, treść oryginalnej",
        forwarded="przekaz, przesłan, przesyłan, podaną dalej, początek przekazywanej",
        mobile="wysłane z, wysłano z, wyslane z, wysłane za, wysłane przez, pobierz outlook,wysłane przy",
        legal="poufn | adresat, odbiorc",
    ),
    "cs": Language(
        starts="dne, v, ve, cituji, on",
        verbs="napsal, napsala, napsali, napsal/a, píše, psal",
        calendar="ledna, února, března, dubna, května, června, července, srpna, září, října,"
        "listopadu, prosince, led, úno, bře, dub, kvě, čvn, čvc, srp, zář, říj, lis, pro, pondělí,"
        "úterý, středa, čtvrtek, pátek, sobota, neděle, po, út, st, čt, pá, so, ne",
        sender="od, odesílatel, odesilatel",
        date="datum, odesláno, odeslané",
        to="komu, příjemce, pro, adresát",
        copy="kopie, skrytá kopie",
        subject="předmět, věc",
        original="původní zpráva, původní mail, původní e-mail, původní, originální",
        forwarded="přeposl, předan, začátek přeposlané",
        mobile="odesláno z, odesláno ze, odesláno pomocí, odesláno přes, získejte outlook,"
        "získat outlook, poslat z, posláno z",
        legal="důvěrn | adresát, příjemc",
    ),
    "sk": Language(
        starts="dňa, v, dna, cituje",
        verbs="napísal, napísala, napísali, napísal/a, píše, písal",
        calendar="januára, februára, marca, apríla, mája, júna, júla, augusta, septembra,"
        "októbra, novembra, decembra, jan, máj, jún, júl, okt, pondelok, utorok, streda, štvrtok,"
        "piatok, sobota, nedeľa, po, ut, st, št, pi, so, ne",
        sender="od, odosielateľ",
        date="dátum, odoslané, poslané",
        to="komu, príjemca, pre, adresát",
        copy="kópia, skrytá kópia",
        subject="predmet, vec",
        original="pôvodn, originál",
        forwarded="preposl, začiatok preposlanej",
        mobile="odoslané z, odoslané zo, odoslané pomocou, poslané z, získať outlook,získajte outlook",
        legal="dôvern | adresát, príjemc",
    ),
    "hu": Language(
        verbs="írta, írja, írt",
        calendar="január, február, március, április, május, június, július, augusztus,"
        "szeptember, október, november, december, febr, márc, ápr, máj, jún, júl, aug, szept, okt,"
        "nov, dec, hétfő, kedd, szerda, csütörtök, péntek, szombat, vasárnap, sze, cs, szo",
        sender="feladó, küldő, tőle",
        date="dátum, elküldve, küldés ideje, küldve",
        to="címzett, címzettek, neki",
        copy="másolat, másolatot kap, titkos másolat",
        subject="tárgy",
        original="eredeti",
        forwarded="továbbít",
        mobile="elküldve, küldve, az outlook beszerzése, outlook beszerzése, android",
        legal="bizalmas | címzett",
    ),
    "ro": Language(
        starts="în, la, pe, in",
        verbs="scris, scrie, scria",
        calendar="ianuarie, februarie, martie, aprilie, mai, iunie, iulie, august, septembrie,"
        "octombrie, noiembrie, decembrie, ian, iun, iul, nov, dec, luni, marți, miercuri, joi, vineri,"
        "sâmbătă, duminică, lun, mie, vin, sâm",
        sender="de la, expeditor, de",
        date="dată, data, trimis, trimisă, trimis la, trimis pe",
        to="către, catre, la, destinatar, pentru",
        copy="copie, copie carbon",
        subject="subiect",
        original="mesaj original, mesajul original, inițial",
        forwarded="redirecționat, redirectionat, retransmis, transmis mai departe",
        mobile="trimis de pe, trimis din, trimis de la, obțineți outlook, obține outlook",
        legal="confidenţial, confidențial, confidential | destinatar",
    ),
    "bg": Language(
        starts="на, в, във",
        verbs="написа, написала, пише, писа",
        calendar="януари, февруари, март, април, май, юни, юли,"
        "август, септември, октомври, ноември, декември, яну,"
        "фев, мар, апр, авг, сеп, окт, ное, дек, понеделник,"
        "вторник, сряда, четвъртък, петък, събота, неделя, пн,"
        "вт, ср, чт, пт, сб, нд",
        sender="от, подател, изпращач",
        date="дата, изпратено, изпратен",
        to="до, получател, към",
        copy="копие",
        subject="относно, тема",
        original="оригинално, първоначално, оригинал",
        forwarded="препрат, препращ",
        mobile="изпратено от, изпратен от, изпратено с",
        legal="поверител, конфиденциал | получател, адресат",
    ),
    "sr": Language(  # Serbian, Croatian, Bosnian, in both alphabets
        starts="dana, dne, u, на, у, дана, dan, na",
        verbs="napisao, napisala, napisao/la, piše, je napisao, написао, написала,пише, је написао",
        calendar="januara, februara, marta, aprila, maja, juna, jula, avgusta, septembra, oktobra,"
        "novembra, decembra, siječnja, veljače, ožujka, travnja, svibnja, lipnja, srpnja, kolovoza, rujna,"
        "listopada, studenoga, studenog, prosinca, sij, velj, ožu, tra, svi, lip, srp, kol, ruj, lis, stu,"
        "pro, ponedjeljak, ponedeljak, utorak, srijeda, sreda, četvrtak, petak, subota, nedjelja, nedelja,"
        "pon, uto, sri, sre, čet, pet, sub, ned, јануар, фебруар, март, април, мај,"
        "јун, јул, август, септембар, октобар, новембар,"
        "децембар, понедељак, уторак, среда, четвртак, петак,"
        "субота, недеља, пон, уто, сре, чет, пет, суб, нед, јан, феб,"
        "мар, апр, авг, сеп",
        sender="od, šalje, pošiljatelj, pošiljalac, šaljem, од, шаље, пошиљалац",
        date="datum, poslano, poslato, datum slanja, датум, послато",
        to="prima, za, kome, primatelj, primalac, прима, за, коме",
        copy="kopija, копија",
        subject="predmet, naslov, наслов, предмет",
        original="izvorna, izvorn, originalna, originaln, оригинална, изворна",
        forwarded="proslije, prosleđ, прослеђ, početak proslijeđene",
        mobile="poslano s, poslano sa, poslano iz, poslato sa, poslato iz, послато са,"
        "poslano pomoću, nabavite outlook, preuzmite outlook",
        legal="povjerljiv, poverljiv, поверљив | primatel, primaoc, adresat, примаоц",
    ),
    "sl": Language(
        starts="dne, v",
        verbs="napisal, napisala, piše",
        calendar="januarja, februarja, marca, aprila, maja, junija, julija, avgusta, septembra,"
        "oktobra, novembra, decembra, avg, okt, pon, tor, sre, čet, pet, sob, ned, ponedeljek, torek,"
        "sreda, četrtek, petek, sobota, nedelja",
        sender="od, pošiljatelj",
        date="datum, poslano",
        to="za, prejemnik, komu",
        copy="kopija, kp",
        subject="zadeva",
        original="izvirn, prvotn",
        forwarded="posredovan, preposlan",
        mobile="poslano iz, poslano z, poslano s",
        legal="zaupn | prejemnik, naslovnik",
    ),
    "ru": Language(
        starts="в, во, от, цитирую",
        verbs="написал, написала, написали, пишет, писал,писала, пишите, написано, сообщает",
        calendar="января, февраля, марта, апреля, мая, июня, июля,"
        "августа, сентября, октября, ноября, декабря, янв, фев,"
        "февр, мар, апр, июн, июл, авг, сен, сент, окт, ноя, нояб,"
        "дек, понедельник, вторник, среда, среду, четверг,"
        "пятница, пятницу, суббота, субботу, воскресенье, пн,"
        "вт, ср, чт, пт, сб, вс",
        sender="от, от кого, отправитель, кто",
        date="дата, отправлено, дата отправки, послано",
        to="кому, получатель, для",
        copy="копия, скрытая копия",
        subject="тема, предмет",
        original="исходное, исходящее, оригинал, первоначальн,изначальн",
        forwarded="пересыл, переслан, переадрес, перенаправл,начало переадресован",
        mobile="отправлено с, отправлено из, отправлено от,"
        "отправлено через, послано с, получить outlook,"
        "скачать outlook",
        legal="конфиденциальн | адресат, получател",
    ),
    "uk": Language(
        starts="у, в, на, від",
        verbs="написав, написала, написали, пише, писав, писала",
        calendar="січня, лютого, березня, квітня, травня, червня,"
        "липня, серпня, вересня, жовтня, листопада, грудня, січ,"
        "лют, бер, берез, квіт, трав, черв, лип, серп, вер, жовт,"
        "лист, груд, понеділок, вівторок, середа, середу, четвер,"
        "пʼятниця, п'ятниця, субота, суботу, неділя, неділю, пн,"
        "вт, ср, чт, пт, сб, нд",
        sender="від, від кого, відправник",
        date="дата, надіслано, відправлено",
        to="до, кому, одержувач, отримувач",
        copy="копія",
        subject="тема",
        original="вихідн, оригінал, початков, первинн",
        forwarded="переслан, пересил, переадрес,початок пересланого",
        mobile="надіслано з, надіслано із, відправлено з,отримати outlook, надіслано через",
        legal="конфіденційн | адресат, одержувач, отримувач",
    ),
    "el": Language(
        starts="στις, την, στη, τη, το, τον",
        verbs="έγραψε, γράφει, έγραψαν",
        calendar="ιανουαρίου, φεβρουαρίου, μαρτίου, απριλίου,"
        "μαΐου, ιουνίου, ιουλίου, αυγούστου, σεπτεμβρίου,"
        "οκτωβρίου, νοεμβρίου, δεκεμβρίου, ιαν, φεβ, μαρ, απρ, μαΐ,"
        "μαϊ, ιουν, ιουλ, αυγ, σεπ, οκτ, νοε, δεκ, δευτέρα, τρίτη,"
        "τετάρτη, πέμπτη, παρασκευή, σάββατο, κυριακή, δευ, τρί,"
        "τετ, πέμ, παρ, σάβ, κυρ",
        sender="από, αποστολέας",
        date="ημερομηνία, στάλθηκε, ημ/νία, εστάλη, απεσταλμένα",
        to="προς, παραλήπτης, για",
        copy="κοιν., κοινοποίηση, κοιν",
        subject="θέμα",
        original="αρχικό",
        forwarded="προωθη, προώθηση",
        mobile="στάλθηκε από, εστάλη από, αποκτήστε το outlook,απεστάλη",
        legal="εμπιστευτικ | παραλήπτ",
    ),
    "tr": Language(
        verbs="yazdı, yazmış, yazdi, yazıyor, şunları yazdı, tarafından",
        calendar="ocak, şubat, mart, nisan, mayıs, haziran, temmuz, ağustos, eylül, ekim, kasım,"
        "aralık, oca, şub, nis, haz, tem, ağu, eyl, eki, kas, ara, pazartesi, salı, çarşamba, perşembe,"
        "cuma, cumartesi, pazar, pzt, sal, çar, per, cum, cmt, paz, tarihinde",
        sender="kimden, gönderen",
        date="tarih, gönderme tarihi, gönderildi, gönderim tarihi, gönderilme tarihi",
        to="kime, alıcı, alıcılar",
        copy="bilgi, gizli",
        subject="konu",
        original="özgün, orijinal, asıl ileti, özgün ileti",
        forwarded="iletilen, yönlendiril, iletilmiş, yönlendirilen",
        mobile="iphone'umdan, ipad'imden, outlook'u edinin, android için outlook, ios için outlook,samsung cihazımdan",
        legal="gizli | alıcı",
    ),
    "he": Language(
        starts="בתאריך, ביום, ב, ב־",
        verbs="כתב, כתבה, כתב/ה, כתבו, מאת",
        calendar="ינואר, פברואר, מרץ, אפריל, מאי, יוני, יולי, אוגוסט, ספטמבר, אוקטובר, נובמבר, דצמבר,"
        "ינו, בינו, פבר, בפבר, במרץ, אפר, באפר, במאי, ביוני, ביולי, אוג, באוג, ספט, בספט, אוק, באוק, נוב,"
        "בנוב, דצמ, בדצמ, יום, ראשון, שני, שלישי, רביעי, חמישי, שישי, שבת, בינואר, בפברואר, באפריל,"
        "באוגוסט, בספטמבר, באוקטובר, בנובמבר",
        sender="מאת, שולח",
        date="תאריך, נשלח, בתאריך",
        to="אל, ל, לכבוד, נמען",
        copy="העתק, עותק",
        subject="נושא, הנדון",
        original="מקורי, הודעה מקורית",
        forwarded="שהועבר, הועבר, מועבר",
        mobile="נשלח מ, נשלח מה, קבל את outlook, הורד את outlook, נשלח באמצעות",
        legal="חסוי, סודי | נמען, הנמען",
    ),
    "ar": Language(
        starts="في, بتاريخ, يوم",
        verbs="كتب, كتبت, كتابة, كتبه, كتب/كتبت",
        calendar="يناير, فبراير, مارس, أبريل, مايو, يونيو, يوليو, أغسطس, سبتمبر, أكتوبر, نوفمبر,"
        "ديسمبر, الاثنين, الإثنين, الثلاثاء, الأربعاء, الخميس, الجمعة, السبت, الأحد, اثنين, ثلاثاء,"
        "أربعاء, خميس, جمعة, سبت, أحد",
        sender="من, المرسل",
        date="التاريخ, تاريخ الإرسال, تم الإرسال, أُرسلت, أرسلت, تاريخ",
        to="إلى, الى, المرسل إليه",
        copy="نسخة, نسخة إلى",
        subject="الموضوع, موضوع",
        original="الأصلية, الاصلية, أصلية",
        forwarded="معاد, المعاد, محول, المحولة, موجهة, بداية الرسالة",
        mobile="أُرسلت من, تم الإرسال من, أرسلت من, مرسل من, من الـ, مُرسل من, احصل على outlook",
        legal="سري, سرية | المستلم, المرسل إليه",
    ),
    "fa": Language(
        starts="در, در تاریخ",
        verbs="نوشت, نوشته, نوشته‌است",
        calendar="ژانویه, فوریه, مارس, آوریل, مه, ژوئن, ژوئیه, اوت, سپتامبر, اکتبر, نوامبر, دسامبر,"
        "دوشنبه, سه‌شنبه, چهارشنبه, پنجشنبه, جمعه, شنبه, یکشنبه",
        sender="از, فرستنده",
        date="تاریخ, ارسال شده, زمان ارسال",
        to="به, گیرنده",
        copy="رونوشت",
        subject="موضوع",
        original="اصلی",
        forwarded="ارسال‌شده, هدایت, فوروارد, بازارسال",
        mobile="ارسال شده از, از آیفون, فرستاده شده از",
        legal="محرمانه | گیرنده",
    ),
    "hi": Language(
        starts="को, दिनांक",
        verbs="लिखा, लिखते, लिखती",
        calendar="जनवरी, फ़रवरी, मार्च, अप्रैल, मई, जून, जुलाई, अगस्त, सितंबर, अक्टूबर, नवंबर, दिसंबर,"
        "जन, फ़र, जुल, अग, सित, अक्टू, नव, दिस, सोम, मंगल, बुध, गुरु, शुक्र, शनि, रवि",
        sender="प्रेषक, फ़्रॉम, से, इनसे",
        date="दिनांक, भेजा गया, तारीख, भेजा",
        to="प्रति, को, प्राप्तकर्ता",
        copy="प्रतिलिपि",
        subject="विषय",
        original="मूल संदेश, मूल",
        forwarded="अग्रेषित, फ़ॉरवर्ड, आगे भेजा",
        mobile="मेरे iphone से, से भेजा गया",
        legal="गोपनीय | प्राप्तकर्ता",
        unspaced=True,
    ),
    "th": Language(
        starts="ใน, เมื่อ, วันที่",
        verbs="เขียน",
        calendar="ม.ค., ก.พ., มี.ค., เม.ย., พ.ค., มิ.ย., ก.ค., ส.ค., ก.ย., ต.ค., พ.ย., ธ.ค., มกราคม,"
        "กุมภาพันธ์, มีนาคม, เมษายน, พฤษภาคม, มิถุนายน, กรกฎาคม, สิงหาคม, กันยายน, ตุลาคม, พฤศจิกายน,"
        "ธันวาคม",
        sender="จาก, ผู้ส่ง",
        date="วันที่, ส่ง, ส่งเมื่อ, เวลาที่ส่ง",
        to="ถึง, ผู้รับ",
        copy="สำเนา, สำเนาถึง",
        subject="เรื่อง, หัวเรื่อง, หัวข้อ",
        original="ต้นฉบับ, ข้อความเดิม",
        forwarded="ส่งต่อ",
        mobile="ส่งจาก",
        legal="ความลับ | ผู้รับ",
        unspaced=True,
    ),
    "vi": Language(
        starts="vào, ngày, lúc",
        verbs="viết",
        calendar="tháng, thg, thứ, chủ nhật, cn",
        sender="từ, người gửi",
        date="ngày, đã gửi, ngày gửi, đã gửi vào, thời gian",
        to="tới, đến, người nhận, gửi đến",
        copy="đồng gửi, sao chép",
        subject="chủ đề, tiêu đề",
        original="gốc, thư gốc, tin nhắn gốc",
        forwarded="chuyển tiếp",
        mobile="gửi từ, đã gửi từ, được gửi từ, tải outlook, tải xuống outlook",
        legal="bảo mật, tuyệt mật | người nhận",
    ),
    "id": Language(  # Indonesian, Malay
        starts="pada, tanggal",
        verbs="menulis, tulis, berkata",
        calendar="januari, februari, maret, april, mei, juni, juli, agustus, september, oktober,"
        "november, desember, agu, agt, okt, des, senin, selasa, rabu, kamis, jumat, sabtu, minggu, sen,"
        "sel, rab, kam, jum, sab, min, isnin, khamis, jumaat, ahad",
        sender="dari, pengirim, daripada",
        date="tanggal, dikirim, terkirim, tarikh, dihantar",
        to="kepada, untuk, ke, penerima",
        copy="tembusan, salinan",
        subject="perihal, subjek, subyek, judul",
        original="pesan asli, asli, mesej asal, asal",
        forwarded="diteruskan, terusan, dimajukan",
        mobile="dikirim dari, terkirim dari, dihantar dari, dapatkan outlook, unduh outlook",
        legal="rahasia, sulit | penerima",
    ),
    "ja": Language(
        verbs="書きました, 書いた, さんから, のメッセージ, さんは, 様は, 書かれました",
        calendar="年, 月",
        sender="差出人, 送信者, 送信元, from, 発信者",
        date="日付, 送信日時, 日時, 送信日, 送信済み, 受信日時",
        to="宛先, to, 受信者",
        copy="cc, 写し",
        subject="件名, 題名, タイトル",
        original="元のメッセージ, オリジナル, 元のメール, 元メッセージ, original message",
        forwarded="転送",
        mobile="outlook for, iphoneから送信, ipadから送信, iphone から送信, androidから",
        legal="機密, 秘密 | 宛, 受信者, 名宛",
        unspaced=True,
    ),
    "zh": Language(
        starts="在, 於, 于",
        verbs="写道, 寫道, 写到, 寫到, 写了, 來信, 来信, 寫入, 编写, 撰寫",
        calendar="年, 月, 周, 週, 星期",
        sender="发件人, 寄件人, 寄件者, 發件人, 发送人, 自, 来自, 傳送者, 发信人",
        date="发送时间, 发送日期, 日期, 时间, 寄件日期, 傳送時間, 傳送日期, 發送時間, 時間, 已发送,"
        "寄送日期, 發送日期, 發信時間",
        to="收件人, 收件者, 至, 到, 发送至, 接收人",
        copy="抄送, 副本, 密送, 密件副本, 抄送人, 副本抄送",
        subject="主题, 主旨, 主題, 标题, 標題",
        original="原始邮件, 原始郵件, 原邮件, 原始信息, 原始消息, 邮件原件, 原始訊息, 回复的原邮件,回复邮件, 原件",
        forwarded="转发, 轉寄, 轉發, 转发的, 转寄",
        mobile="发自, 從我的, 从我的, 來自我的, 来自我的, 獲取 outlook, 获取 outlook, 下载 outlook,"
        "取得 outlook, 发送自, 寄自, 傳送自, 寄件自",
        legal="机密, 機密, 保密 | 收件人, 收件者, 接收人",
        unspaced=True,
    ),
    "ko": Language(
        verbs="작성, 님이, 썼습니다, 님의 말, 쓴 글, 님께서, 보낸 메일",
        calendar="년, 월",
        sender="보낸 사람, 보낸사람, 발신, 발신자, 보낸이, 보내는 사람",
        date="보낸 날짜, 날짜, 보낸 시간, 보냄, 발신일, 일시, 보낸날짜, 전송일",
        to="받는 사람, 받는사람, 수신, 수신자, 받는이",
        copy="참조, 숨은 참조, 숨은참조",
        subject="제목",
        original="원본, 원문, 원래 메시지, 이전 메일",
        forwarded="전달",
        mobile="나의 iphone, 내 iphone, 내 ipad, 내 갤럭시, 삼성, 갤럭시에서, iphone에서,"
        "ios용 outlook, android용 outlook",
        legal="기밀, 비밀 | 수신",
        unspaced=True,
    ),
    "ca": Language(
        starts="el, en data",
        verbs="escrit, escrigué, escriure, escriu, missatge",
        calendar="gener, febrer, març, abril, maig, juny, juliol, agost, setembre, octubre, novembre,"
        "desembre, gen, febr, ag, set, oct, des, dilluns, dimarts, dimecres, dijous, divendres, dissabte,"
        "diumenge, dl, dt, dc, dj, dv, ds, dg",
        sender="de, remitent",
        date="data, enviat, enviat el",
        to="per a, a, destinatari",
        copy="còpia, a/c",
        subject="assumpte, tema",
        original="missatge original",
        forwarded="reenviat, reenvia",
        mobile="enviat des, enviat de",
        legal="confidencial | destinatari",
    ),
    "sq": Language(
        starts="më",
        verbs="shkroi, shkruajti",
        calendar="janar, shkurt, mars, prill, maj, qershor, korrik, gusht, shtator, tetor, nëntor,dhjetor",
        sender="nga",
        date="data, dërguar",
        to="për",
        subject="subjekti, tema, lënda",
        forwarded="përcjell",
        mobile="dërguar nga",
    ),
}


def _split(entries: str) -> list[str]:
    return [entry.strip() for entry in entries.split(",") if entry.strip()]


def _all(attribute: str, languages: Iterable[Language]) -> list[str]:
    return [entry for language in languages for entry in _split(getattr(language, attribute))]


_SPACED = [language for language in LANGUAGES.values() if not language.unspaced]
_UNSPACED = [language for language in LANGUAGES.values() if language.unspaced]

#: Words of a line that say "wrote", and fragments that say it in scripts without spaces.
VERBS: Final = frozenset(word for entry in _all("verbs", _SPACED) for word in entry.split())
VERB_FRAGMENTS: Final = tuple(_all("verbs", _UNSPACED))

#: First words of "On <date>"; running text may begin so too, hence never enough alone.
STARTS: Final = frozenset(entry.split()[0].rstrip(".") for entry in _all("starts", _SPACED))
#: Beginnings of more than one word, which need no date close by: "In a message dated …".
START_PHRASES: Final = tuple(entry for entry in _all("starts", _SPACED) if len(entry.split()) > 2)
START_FRAGMENTS: Final = tuple(_all("starts", _UNSPACED))

CALENDAR: Final = frozenset(word for entry in _all("calendar", _SPACED) for word in entry.split())
CALENDAR_FRAGMENTS: Final = tuple(_all("calendar", _UNSPACED))

#: A label of a carried header → its kind: `from`, `date`, `to`, `copy`, `subject` or `other`.
HEADER_LABELS: Final[dict[str, str]] = {
    label: kind
    for kind, attribute in {
        "copy": "copy",
        "to": "to",
        "date": "date",
        "subject": "subject",
        "from": "sender",
    }.items()
    for label in _all(attribute, LANGUAGES.values())
} | dict.fromkeys(
    _split(
        "reply-to, reply to, antwort an, antworten an, répondre à, risposta, rispondi a, responder a,"
        "svar till, svar til, odpowiedź do, attachments, attachment, anlagen, anlage, pièces jointes,"
        "allegati, adjuntos, anexos, bijlagen, bilagor, vedhæftede filer, załączniki, přílohy,"
        "вложения, 附件, 添付ファイル, 첨부, importance, wichtigkeit, importância, importancia,"
        "belang, prioritet, priorität, priority, organization, organisation, mailed-by, signed-by,"
        "mailing list, newsgroups, resent-from, x-mailer, message-id, message id, return-path,"
        "in-reply-to, when, where, delivered-to, user-agent, mime-version, content-type, references"
    ),
    "other",
)

ORIGINAL_STEMS: Final = tuple(_all("original", LANGUAGES.values()))
FORWARD_STEMS: Final = tuple(_all("forwarded", LANGUAGES.values()))
MOBILE_STARTS: Final = tuple(_all("mobile", LANGUAGES.values()))
#: "Sent from my phone" of languages that put the verb last.
MOBILE_ENDS: Final = tuple(
    _split("gesendet, geschickt, küldve, gönderildi, から送信, を入手, 에서 보냄, 传送, 傳送, 发送, से भेजा गया")
)
#: What a line of the mobile kind names: without it, "Sent from Berlin on Monday" would be taken for a footer.
DEVICES: Final = tuple(
    _split(
        "iphon, ipad, ipod, android, samsung, galaxy, huawei, xiaomi, redmi, oppo, oneplus, pixel,"
        "blackberry, outlook, mail, mobile, mobil, phone, cell, handy, windows, yahoo, aol, gmx, web.de,"
        "thunderbird, airmail, spark, mailbox, tablet, smartphone, telefon, teléfono, telefono, telefoon,"
        "téléphone, telemóvel, celular, puhelin, proton, nokia, htc, sony, motorola, device, gerät,"
        "appareil, dispositivo, toestel, enhet, urządzen, zařízení, superhuman, tutanota, tuta, k-9,"
        "hey, zoho, gmail, inbox, icloud, телефон, смартфон, устройств,"
        "пристро, почт, пошт, 手机, 手機, 携帯, スマ, 휴대, 폰, 갤럭시, компьютер,"
        "laptop, macbook, sparrow, mac"
    )
)
#: Beginnings of the lines that virus scanners, mailing lists and companies add below a mail.
FOOTER_STARTS: Final = tuple(
    _split(
        "yahoo mail:, sent with tuta, secured with tuta,"
        "confidentiality notice, confidentiality note, legal disclaimer,"
        "privileged and confidential, please consider the environment, think before you print,"
        "consider the environment before, virus-free, no virus found in this,"
        "this email has been checked for viruses, this e-mail has been checked for viruses,"
        "this email has been scanned, this message has been scanned, this email was scanned by,"
        "you received this message because you are subscribed, you are receiving this because you,"
        "to unsubscribe from this, vertraulichkeitshinweis, denken sie an die umwelt,"
        "bitte denken sie an die umwelt, virenfrei, diese e-mail wurde von avast,"
        "diese e-mail wurde auf viren, avis de confidentialité, avant d'imprimer,"
        "pensez à l'environnement, sans virus., garanti sans virus, l'absence de virus,"
        "aviso de confidencialidad, antes de imprimir, libre de virus, el software de antivirus,"
        "aviso de confidencialidade, livre de vírus, este email foi escaneado, avviso di riservatezza,"
        "ai sensi del, prima di stampare, privo di virus, virusvrij, denk aan het milieu, virusfri,"
        "tänk på miljön, tænk på miljøet, wolny od wirusów, pomyśl o środowisku,"
        "neobsahuje žádné viry, bez virů, vírusmentes, fără viruși, без вирусов, ei viruksia,"
        "无病毒, 不含病毒"
    )
)


def _stems(side: int) -> tuple[str, ...]:
    parts = [language.legal.split("|") for language in LANGUAGES.values() if language.legal]
    return tuple(stem for part in parts for stem in _split(part[side]))


#: A paragraph at the end that has a stem of each is a legal notice.
CONFIDENTIAL_STEMS: Final = _stems(0)
RECIPIENT_STEMS: Final = _stems(1)
