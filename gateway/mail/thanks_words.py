"""Words of thanks: what people write who want nothing any more, language by language."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """One language; tables of phrases as in `phrases`. Accents and apostrophes may be missing in what people write.

    thanks: also what says that all is well (`perfect`). beside: what stands with them: how much, to whom, politeness.
    goodbyes: under which a name stands. for_, how, what: `for your`, `quick`, `answer`; only together.

    Nothing that says no, asks for something, hopes, or answers a question: no `yes`, no `in advance`.
    """

    thanks: str
    beside: str = ""
    goodbyes: str = ""
    for_: str = ""
    how: str = ""
    what: str = ""


#: Signs that say as much as words.
SAID_BY_SIGN: Final = "👍🙏👌👏🙌❤♥"
#: Signs that say nothing beside words.
FRIENDLY: Final = "🙂😊😀😃😄😁😆😉☺😌😍🥰😘😇🤗😎🤝👋💪✌🎉🥳✨🌟⭐💐🌸🌺🌹🌷🌻☀🌞💛💚💙💜🖤🤍🧡💕💖💗💓🍀"
#: Thanks that people of all languages say.
EVERYWHERE: Final = "thanks | thank you | thx | merci | ok | okay | super | perfect | great | top"

LANGUAGES: Final = (
    Words(  # English
        thanks="""
            thanks | thank you | thankyou | thank u | thanx | thx | tnx | ty | tysm | many thanks | ta | cheers |
            much appreciated | very much appreciated | really appreciated | i appreciate it | i really appreciate it |
            i appreciate that | appreciate it | appreciated | much obliged | ok | okay | okey | k | perfect | great |
            excellent | wonderful | awesome | brilliant | super | lovely | fantastic | amazing | got it | understood |
            noted | all good | all fine | all set | sounds good | very good | very nice | nice
        """,
        beside="""
            so much | very much | very very much | so very much | a lot | lots | a million | a bunch | a ton | tons |
            again | once again | once more | indeed | sincerely | really | and | & | all | everyone | everybody |
            team | guys | folks | both | you | to you | to you all | to all of you | hi | hello | hey | dear |
            dear team | hi team | hello team | hi there | hello there | good morning | good afternoon | good evening |
            sir | madam | dear sir or madam | dear sir | dear madam | have a nice day | have a great day |
            have a good day | have a lovely day | have a nice weekend | have a great weekend | have a good weekend |
            have a good one | have a nice evening | have a good evening | you too | same to you | likewise |
            no problem | no worries | you are very kind | you are the best | youre the best | youre awesome |
            you are awesome | god bless | god bless you | great service | great support | excellent service |
            excellent support | amazing service | great job | good job | well done | that is very kind |
            thats very kind | that is very kind of you | thats very kind of you | very kind of you | so kind of you |
            how kind of you | im very grateful | i am very grateful | i am grateful | we are grateful
        """,
        goodbyes="""
            regards | best regards | kind regards | kindest regards | warm regards | warmest regards | best |
            best wishes | all the best | sincerely | yours sincerely | yours truly | yours | yours faithfully | br |
            rgds | cheers | take care | bye | bye bye | goodbye | see you | thanks and regards | thanks & regards |
            thanks and best regards | with kind regards | with best regards | have a nice day
        """,
        for_="""
            for | for your | for the | for all | for all your | for all the | for all of your | for this | for that |
            for such | for such a
        """,
        how="""
            your | the | quick | fast | prompt | kind | great | good | excellent | amazing | wonderful | friendly |
            very | really | super | speedy | rapid | helpful | nice | kindest | lovely | continued
        """,
        what="""
            help | support | assistance | reply | replies | answer | answers | response | responses | service | time |
            info | information | patience | understanding | effort | efforts | feedback | update | updates | message |
            messages | mail | email | letting me know | getting back to me | getting back | your help | helping |
            helping me | helping out | helping me out | everything | it all | kindness | attention | cooperation |
            explanation | clarification | confirmation | confirming | work | care | solution | job | quick reply |
            answering | replying | responding | sorting it out | sorting this out | taking care of it |
            taking care of this | advice | trouble | handling
        """,
    ),
    Words(  # German
        thanks="""
            danke | dankeschön | danke schön | danke schoen | dankesehr | danke sehr | danke dir | danke ihnen |
            danke euch | vielen dank | vielen herzlichen dank | vielen lieben dank | herzlichen dank | besten dank |
            lieben dank | recht herzlichen dank | ganz herzlichen dank | tausend dank | 1000 dank | schönen dank |
            schoenen dank | dank | dank dir | dank euch | ich danke ihnen | ich danke dir | ich danke euch |
            wir danken ihnen | ich bedanke mich | ich bedanke mich bei ihnen | ich bedanke mich herzlich |
            wir bedanken uns | merci | vergelts gott | dankeee | dankee | alles klar | alles gut | alles bestens |
            alles super | perfekt | prima | super | klasse | toll | spitze | top | wunderbar | ausgezeichnet |
            bestens | sehr gut | sehr schön | sehr nett | ok | okay | in ordnung | verstanden | einverstanden |
            passt | das ist nett | das ist sehr nett | das ist lieb | sehr lieb | sehr freundlich
        """,
        beside="""
            vielmals | sehr | schön | nochmal | nochmals | noch einmal | noch mal | auch | und | & | recht herzlich |
            herzlich | herzlichst | wirklich | hallo | guten tag | guten morgen | guten abend | moin | servus |
            grüezi | liebes team | liebe | lieber | hallo zusammen | an alle | an das team | an das ganze team |
            ans team | team | ihnen | dir | euch | ihnen auch | dir auch | gleichfalls | ebenfalls | ebenso |
            kein problem | schönen tag | schönen tag noch | schoenen tag noch | einen schönen tag |
            einen schönen tag noch | noch einen schönen tag | ich wünsche ihnen einen schönen tag |
            ein schönes wochenende | schönes wochenende | schoenes wochenende | schönen abend | schönen abend noch |
            schönen feierabend | einen schönen abend | noch einen schönen abend | alles gute |
            sehr geehrte damen und herren | guter service | toller service | super service | sehr guter service |
            ganz lieb | frau | herr
        """,
        goodbyes="""
            mfg | lg | vg | bg | hg | glg | gruß | gruss | grüße | gruesse | liebe grüße | liebe gruesse |
            lieber gruß | viele grüße | viele gruesse | viele liebe grüße | beste grüße | beste gruesse |
            schöne grüße | schoene gruesse | herzliche grüße | herzliche gruesse | freundliche grüße |
            freundliche gruesse | sonnige grüße | ganz liebe grüße | mit freundlichen grüßen |
            mit freundlichen gruessen | mit freundlichem gruß | mit besten grüßen | mit herzlichen grüßen |
            mit lieben grüßen | herzlichst | tschüss | tschüs | ciao | bis bald | bis dann
        """,
        for_="""
            für | für die | für den | für das | für ihre | für ihren | für ihr | für deine | für deinen | für eure |
            für euren | für all ihre | für all die | für diese | fuer | fuer die | fuer ihre | fuer den | fuer ihren |
            fuer deine | fuer das | fürs
        """,
        how="""
            ihre | ihren | ihr | deine | deinen | eure | die | den | das | schnelle | schnellen | schneller |
            schnelles | rasche | raschen | prompte | prompten | nette | netten | freundliche | freundlichen | tolle |
            tollen | gute | guten | super | sehr | wirklich | große | großen | kompetente | unkomplizierte | liebe |
            lieben | zügige | hilfreiche | perfekte
        """,
        what="""
            hilfe | antwort | rückmeldung | rueckmeldung | unterstützung | unterstuetzung | mühe | mühen | muehe |
            info | infos | information | informationen | auskunft | bearbeitung | erledigung | service | support |
            geduld | verständnis | nachricht | mail | e mail | email | zeit | bestätigung | bemühungen | bemuehungen |
            alles | hinweis | tipp | tipps | beratung | kontakt | reaktion | abwicklung | kulanz | einsatz | lösung |
            freundlichkeit | aufklärung | erklärung | kümmern | helfen | kooperation
        """,
    ),
    Words(  # French
        thanks="""
            merci | merci beaucoup | merci bien | mille mercis | mille merci | un grand merci | grand merci |
            merci infiniment | merci énormément | merci mille fois | mercii | je vous remercie | je te remercie |
            nous vous remercions | avec mes remerciements | tous mes remerciements | d'accord | parfait |
            c'est parfait | super | génial | très bien | c'est noté | bien noté | bien reçu merci | entendu |
            impeccable | nickel | top | excellent | formidable | ok | okay | c'est gentil | c'est très gentil
        """,
        beside="""
            à vous | à toi | à tous | à toutes | à toute l'équipe | à l'équipe | encore | encore une fois | vraiment |
            beaucoup | infiniment | sincèrement | chaleureusement | et | bonjour | bonsoir | salut | madame |
            monsieur | madame monsieur | bonne journée | bonne soirée | bonne fin de journée | bon week end |
            bon weekend | bonne continuation | belle journée | très belle journée | excellente journée |
            très bonne journée | bonne journée à vous | également | de même | à vous aussi | pas de problème |
            pas de souci | de rien | toute l'équipe | l'équipe | chère équipe
        """,
        goodbyes="""
            cordialement | bien cordialement | très cordialement | cdt | cdlt | bien à vous | bien à toi |
            sincères salutations | salutations | meilleures salutations | salutations distinguées | amicalement |
            respectueusement | bises | bisous | à bientôt | au revoir | belle journée | bonne journée
        """,
        for_="""
            pour | pour votre | pour ton | pour ta | pour vos | pour le | pour la | pour l | pour les | pour tout |
            pour toute | pour cette | pour ce | de | de votre | de m'avoir | pour tous vos
        """,
        how="""
            votre | vos | la | le | les | rapide | bonne | très | excellente | excellent | gentille | prompte |
            super | précieuse | grande | si
        """,
        what="""
            aide | l'aide | votre aide | réponse | réponses | retour | rapidité | réactivité | réponse rapide |
            réponse très rapide | retour rapide | retour très rapide | aide précieuse | service | soutien | temps |
            patience | gentillesse | amabilité | compréhension | efficacité | information | informations | infos |
            message | mail | suivi | assistance | accueil | travail | efforts | disponibilité | professionnalisme |
            tout | précisions | explications | confirmation | répondu | répondu rapidement | aidé | aidée |
            intervention
        """,
    ),
    Words(  # Spanish
        thanks="""
            gracias | muchas gracias | muchísimas gracias | mil gracias | millón de gracias | un millón de gracias |
            muchas muchas gracias | se lo agradezco | te lo agradezco | os lo agradezco | le agradezco |
            les agradezco | se agradece | muy agradecido | muy agradecida | agradecido | agradecida | muy amable |
            muy amables | vale | de acuerdo | perfecto | genial | estupendo | excelente | muy bien | entendido |
            todo bien | todo perfecto | todo correcto | súper | ok | okay | okey | fenomenal | recibido gracias
        """,
        beside="""
            a ti | a usted | a ustedes | a vosotros | a todos | a todo el equipo | al equipo | de nuevo | nuevamente |
            otra vez | una vez más | de verdad | de corazón | por todo | y | hola | buenos días | buenas tardes |
            buenas noches | buenas | buen día | estimados | estimado | estimada | que tenga un buen día |
            que tengan un buen día | que tengas un buen día | feliz día | feliz tarde | buen fin de semana |
            feliz fin de semana | igualmente | equipo | no hay problema | de nada
        """,
        goodbyes="""
            saludos | un saludo | saludos cordiales | un cordial saludo | cordial saludo | cordialmente |
            atentamente | atte | un abrazo | abrazos | un fuerte abrazo | besos | hasta luego | hasta pronto | adiós |
            muchos saludos | saludos a todos
        """,
        for_="""
            su | tu | vuestra | por | por su | por tu | por vuestra | por la | por el | por los | por las | por sus |
            por todo | por toda | por toda su | por esta | por este | por toda la | de su
        """,
        how="""
            su | tu | la | el | rápida | rápido | pronta | buena | buen | excelente | gran | gentil | amable | muy |
            valiosa | tan
        """,
        what="""
            ayuda | respuesta | respuesta rápida | respuesta tan rápida | atención | atenciones | apoyo | tiempo |
            paciencia | servicio | información | rapidez | amabilidad | comprensión | gestión | gestiones | soporte |
            mensaje | correo | todo | colaboración | interés | esfuerzo | solución | eficacia | responder |
            responder tan rápido | contestar | aclaración | confirmación | aviso | ayudarme
        """,
    ),
    Words(  # Portuguese
        thanks="""
            obrigado | obrigada | muito obrigado | muito obrigada | muitíssimo obrigado | muitíssimo obrigada |
            obrigadão | obrigadinho | obrigadinha | obrigado mesmo | obg | obgd | mto obrigado | mto obrigada |
            grato | grata | muito grato | muito grata | agradeço | agradeço muito | agradeço imenso | agradecemos |
            agradecido | agradecida | valeu | ok | okay | perfeito | ótimo | óptimo | excelente | maravilha |
            muito bem | tudo bem | tudo certo | combinado | entendido | certo | beleza | fantástico | show
        """,
        beside="""
            a vocês | a você | a todos | a toda a equipe | a toda a equipa | à equipe | à equipa | de novo |
            novamente | mais uma vez | mesmo | de coração | imenso | e | olá | oi | bom dia | boa tarde | boa noite |
            prezados | caros | tenha um bom dia | tenham um bom dia | um bom dia | bom fim de semana |
            bom final de semana | igualmente | equipe | equipa | sem problema | de nada | por tudo
        """,
        goodbyes="""
            att | atenciosamente | cumprimentos | melhores cumprimentos | os melhores cumprimentos | cumps |
            com os melhores cumprimentos | abraço | abraços | um abraço | um grande abraço | saudações |
            cordialmente | até logo | até breve | até mais | beijos | bjs | tchau
        """,
        for_="""
            por | pela | pelo | pelas | pelos | pela sua | pelo seu | pela vossa | pelo vosso | por toda | por todo |
            por toda a | por todo o | por sua | por seu | por esta | a sua | a vossa
        """,
        how="""
            rápida | rápido | pronta | boa | excelente | ótima | ótimo | grande | muito | sua | gentil | tão
        """,
        what="""
            ajuda | resposta | resposta rápida | retorno | retorno rápido | atenção | apoio | tempo | paciência |
            serviço | informação | informações | rapidez | gentileza | compreensão | suporte | mensagem | email |
            e mail | tudo | atendimento | colaboração | esclarecimento | esclarecimentos | disponibilidade |
            simpatia | cuidado | confirmação | solução | esforço | presteza
        """,
    ),
    Words(  # Italian
        thanks="""
            grazie | grazie mille | mille grazie | molte grazie | tante grazie | grazie tante | grazie infinite |
            grazie di cuore | la ringrazio | vi ringrazio | ti ringrazio | ringrazio | ringraziamo | ringraziando |
            la ringrazio molto | vi ringrazio molto | perfetto | ottimo | benissimo | molto bene | va bene |
            va benissimo | d'accordo | tutto ok | tutto bene | tutto a posto | eccellente | fantastico |
            ricevuto grazie | molto gentile | molto gentili | gentilissimi | gentilissimo | gentilissima |
            siete stati gentilissimi | ok | okay
        """,
        beside="""
            a lei | a voi | a te | a tutti | ancora | di nuovo | nuovamente | davvero | tanto | e | ciao | salve |
            buongiorno | buonasera | buon giorno | buona sera | gentili signori | buona giornata | buona serata |
            buon weekend | buon fine settimana | buon lavoro | buona domenica | altrettanto | anche a lei |
            anche a voi | nessun problema | di nulla | di niente | prego
        """,
        goodbyes="""
            saluti | cordiali saluti | cordialmente | distinti saluti | un saluto | un caro saluto | cari saluti |
            tanti saluti | a presto | arrivederci | buona giornata | un abbraccio | ciao
        """,
        for_="""
            per | per la | per il | per l | per le | per i | per la vostra | per la sua | per il vostro | per il suo |
            per tutto | per tutto il | per l'ottimo | per la tua | della | del | dell | di
        """,
        how="""
            rapida | rapido | veloce | pronta | gentile | ottima | ottimo | cortese | grande | vostra | sua |
            tempestiva | tua | molto
        """,
        what="""
            aiuto | l'aiuto | risposta | risposta rapida | risposta veloce | riscontro | disponibilità | assistenza |
            supporto | tempo | pazienza | servizio | informazione | informazioni | rapidità | gentilezza | cortesia |
            velocità | comprensione | messaggio | mail | tutto | collaborazione | attenzione | chiarimento |
            conferma | soluzione | efficienza | professionalità | interessamento
        """,
    ),
    Words(  # Dutch
        thanks="""
            dank | dank je | dank je wel | dankje | dankjewel | dank u | dank u wel | dank jullie wel | dankuwel |
            bedankt | hartelijk dank | hartelijk bedankt | heel erg bedankt | heel hartelijk dank |
            harstikke bedankt | hartstikke bedankt | super bedankt | veel dank | duizendmaal dank | mijn dank |
            bedankt hoor | top | prima | perfect | geweldig | helemaal goed | in orde | oké | oke | ok | okay |
            duidelijk | fijn | super | mooi | uitstekend | begrepen | akkoord | erg vriendelijk | heel fijn
        """,
        beside="""
            nogmaals | nog een keer | zeer | echt | heel erg | en | hallo | hoi | beste | geachte |
            geachte heer mevrouw | goedemorgen | goedemiddag | goedenavond | goedendag | team | allemaal |
            aan iedereen | fijne dag | een fijne dag | fijne dag nog | nog een fijne dag | prettige dag |
            fijn weekend | prettig weekend | een fijn weekend | fijne avond | insgelijks | jij ook | u ook |
            geen probleem | geen dank | graag gedaan
        """,
        goodbyes="""
            groet | groeten | groetjes | gr | mvg | met vriendelijke groet | met vriendelijke groeten |
            vriendelijke groet | vriendelijke groeten | hartelijke groet | hartelijke groeten | met hartelijke groet |
            hoogachtend | tot ziens | doei | liefs
        """,
        for_="""
            voor | voor de | voor je | voor uw | voor jullie | voor het | voor al | voor al uw | voor alle | voor deze
        """,
        how="""
            uw | de | het | jullie | snelle | vlotte | goede | fijne | vriendelijke | prettige | uitstekende |
            geweldige | super | zeer | heel
        """,
        what="""
            hulp | antwoord | reactie | service | ondersteuning | moeite | tijd | geduld | begrip | informatie |
            info | bericht | mail | terugkoppeling | afhandeling | medewerking | support | alles | uitleg |
            bevestiging | inzet | oplossing | reageren | helpen
        """,
    ),
    Words(  # Swedish
        thanks="""
            tack | tack så mycket | tack så jättemycket | stort tack | tusen tack | många tack | tackar |
            tackar så mycket | tack snälla | hjärtligt tack | varmt tack | jättetack | perfekt | toppen | kanon |
            super | utmärkt | bra | jättebra | vad bra | underbart | okej | ok | strålande | det låter bra | uppfattat
        """,
        beside="""
            igen | än en gång | ännu en gång | så mycket | och | hej | hejsan | hej igen | god morgon | god kväll |
            alla | till er | till er alla | ha en bra dag | ha en fin dag | trevlig helg | ha en trevlig helg |
            trevlig kväll | ha det bra | ha det så bra | detsamma | inga problem | ingen fara
        """,
        goodbyes="""
            mvh | hälsningar | vänliga hälsningar | med vänlig hälsning | med vänliga hälsningar | vänligen |
            bästa hälsningar | varma hälsningar | hej då | hejdå | vi hörs | kram
        """,
        for_="för | för din | för er | för ert | för hjälpen | för all | för det | för den",
        how="snabba | snabbt | snabb | fina | goda | bra | trevliga | all | så | utmärkt",
        what="""
            hjälp | hjälpen | svar | svaret | service | support | tid | tålamod | information | informationen |
            återkoppling | återkopplingen | bemötande | bemötandet | allt | stöd | förståelse | omtanke | besked |
            beskedet
        """,
    ),
    Words(  # Danish and Norwegian
        thanks="""
            tak | mange tak | tusind tak | tak skal du have | tak skal i have | tak for det | stor tak |
            hjertelig tak | takker | takk | mange takk | tusen takk | takk skal du ha | takk skal dere ha |
            takk for det | hjertelig takk | tak tak | perfekt | super | fint | helt fint | topp | supert | flott |
            kjempebra | utmerket | herlig | fantastisk | ok | okay | den er god | det er fint | modtaget tak
        """,
        beside="""
            igen | igjen | nok en gang | endnu en gang | så mye | så meget | så mange | og | hej | hei | hejsan |
            god morgen | god aften | goddag | alle sammen | til dere | til jer | god dag | ha en fin dag |
            ha en god dag | hav en god dag | hav en fortsat god dag | fortsat god dag | god helg | god weekend |
            i lige måde | i like måte | ingen problem | ingen problemer | intet problem
        """,
        goodbyes="""
            hilsen | venlig hilsen | med venlig hilsen | venlige hilsner | vh | mvh | bedste hilsner |
            de bedste hilsner | mange hilsner | vennlig hilsen | med vennlig hilsen | beste hilsen | hilsner | kh |
            kærlig hilsen | ha det | hej hej | ha det bra
        """,
        for_="""
            for | for din | for jeres | for deres | for det | for den | for et | for en | for all | for al
        """,
        how="""
            hurtige | hurtigt | hurtig | gode | god | raske | raskt | rask | flotte | fine | venlige | hyggelige |
            rigtig | veldig
        """,
        what="""
            hjelp | hjelpen | hjælp | hjælpen | svar | svaret | service | servicen | support | tålmodighed |
            tålmodighet | information | informasjon | tilbakemelding | tilbagemelding | tiden | alt | indsats |
            innsats | besked | beskjed | oppfølging | forståelse
        """,
    ),
    Words(  # Finnish
        thanks="""
            kiitos | kiitos paljon | paljon kiitoksia | suuri kiitos | suurkiitos | kiitokset | kiitoksia | kiitti |
            kiitos kovasti | tuhannet kiitokset | iso kiitos | lämmin kiitos | suuret kiitokset | kiitän | hienoa |
            loistavaa | mahtavaa | täydellistä | erinomaista | selvä | selvä juttu | ok | okei | hyvä | hyvä juttu |
            kaikki hyvin
        """,
        beside="""
            vielä | vielä kerran | vielä kerran teille | oikein | todella | teille | sinulle | kaikille | ja | hei |
            moi | terve | hyvää päivää | hyvää päivänjatkoa | mukavaa päivää | hyvää viikonloppua |
            mukavaa viikonloppua | samoin | avusta | nopeasta avusta | avustanne | vastauksesta |
            nopeasta vastauksesta | nopeasta palvelusta | hyvästä palvelusta | palvelusta | tiedosta | ajastanne |
            kaikesta | kärsivällisyydestä | ystävällisestä palvelusta | ei kestä | ei ongelmaa
        """,
        goodbyes="""
            terveisin | ystävällisin terveisin | parhain terveisin | t | yt | terveiset | moikka | hei hei | näkemiin
        """,
    ),
    Words(  # Polish
        thanks="""
            dziękuję | dziękuję bardzo | bardzo dziękuję | dziękuje | serdecznie dziękuję | dziękuję serdecznie |
            dzięki | dzięki wielkie | wielkie dzięki | stokrotne dzięki | dziękujemy | bardzo dziękujemy |
            serdeczne dzięki | pięknie dziękuję | dziękuję pięknie | dziękuję ślicznie | z podziękowaniem |
            wdzięczny | wdzięczna | super | świetnie | doskonale | idealnie | wspaniale | rewelacja | rozumiem |
            w porządku | wszystko w porządku | ok | okej | okay | spoko | bardzo dobrze | bardzo miło
        """,
        beside="""
            jeszcze raz | ponownie | bardzo | serdecznie | pięknie | i | oraz | państwu | pani | panu | wam |
            wszystkim | całemu zespołowi | cześć | hej | dzień dobry | dobry wieczór | witam | szanowni państwo |
            miłego dnia | życzę miłego dnia | miłego wieczoru | miłego weekendu | udanego weekendu | udanego dnia |
            dobrego dnia | wzajemnie | nawzajem | nie ma problemu | nie ma za co | nie ma sprawy
        """,
        goodbyes="""
            pozdrawiam | pozdrawiam serdecznie | serdecznie pozdrawiam | pozdrowienia | serdeczne pozdrowienia |
            pozdr | pzdr | z poważaniem | z wyrazami szacunku | łączę pozdrowienia | do widzenia | do usłyszenia | pa
        """,
        for_="za | za państwa | za twoją | za waszą | za całą | za tak | za pani | za pana",
        how="""
            szybką | szybka | szybki | błyskawiczną | błyskawiczny | miłą | dobrą | świetną | świetny | cenną |
            okazaną | bardzo | tak | wspaniałą | sprawną
        """,
        what="""
            pomoc | odpowiedź | odpowiedzi | kontakt | obsługę | wsparcie | czas | cierpliwość | zrozumienie |
            informację | informacje | wiadomość | maila | reakcję | wszystko | wyjaśnienie | wyjaśnienia |
            współpracę | załatwienie sprawy | uprzejmość | zaangażowanie | rozwiązanie | potwierdzenie
        """,
    ),
    Words(  # Czech and Slovak
        thanks="""
            děkuji | děkuju | děkuji vám | děkuju vám | děkuji mnohokrát | mnohokrát děkuji | moc děkuji |
            moc děkuju | děkuji moc | děkuju moc | velmi děkuji | děkujeme | díky | díky moc | moc díky | velké díky |
            díky vám | dík | ďakujem | ďakujem pekne | veľmi pekne ďakujem | ďakujem veľmi pekne | ďakujem vám |
            vďaka | veľká vďaka | ďakujeme | dobře | výborně | skvělé | skvěle | super | perfektní | v pořádku |
            vše v pořádku | rozumím | ok | výborne | skvelé | v poriadku | perfektné
        """,
        beside="""
            ještě jednou | ešte raz | znovu | moc | vám | vám všem | všem | a | dobrý den | dobrý deň | ahoj |
            zdravím | dobré ráno | dobrý večer | hezký den | hezký den přeji | přeji hezký den | přeji pěkný den |
            pěkný den | pekný deň | prajem pekný deň | hezký víkend | pekný víkend | krásný den | hezký večer |
            podobně | vám také | i vám | vážení | není zač | nemáte zač | nie je za čo | žádný problém |
            žiadny problém
        """,
        goodbyes="""
            s pozdravem | s pozdravom | pozdrav | zdraví | s přátelským pozdravem | srdečně zdravím | s úctou |
            na shledanou | nashledanou | dovidenia | hezký den | pěkný den
        """,
        for_="za | za vaši | za vaše | za váš | za tvou | za všechno | za vašu | za celou",
        how="""
            rychlou | rychlé | rýchlu | rýchle | rychlý | skvělou | skvělý | ochotnou | vstřícnou | milou | velmi |
            dobrou | příjemnou
        """,
        what="""
            pomoc | odpověď | odpoveď | reakci | reakciu | vyřízení | vybavenie | ochotu | podporu | čas |
            trpělivost | trpezlivosť | informaci | informace | informácie | informáciu | zprávu | správu | vše |
            všechno | všetko | servis | pochopení | spolupráci | jednání | vstřícnost | vysvětlení
        """,
    ),
    Words(  # Hungarian
        thanks="""
            köszönöm | köszönöm szépen | nagyon köszönöm | nagyon szépen köszönöm | köszönjük | köszönjük szépen |
            köszi | köszi szépen | kösz | köszönet | hálásan köszönöm | ezer köszönet | köszike | rendben | szuper |
            tökéletes | remek | kiváló | nagyszerű | minden rendben | oké | ok | értem | jó
        """,
        beside="""
            még egyszer | ismét | nagyon | önöknek | neked | nektek | mindenkinek | és | szia | sziasztok | helló |
            jó napot | jó napot kívánok | jó reggelt | jó estét | tisztelt cím | kedves | szép napot |
            szép napot kívánok | további szép napot | további szép napot kívánok | szép hétvégét | jó hétvégét |
            viszont | hasonlóképpen | a segítséget | a segítségét | a segítségüket | a gyors segítséget | a választ |
            a válaszát | a gyors választ | a gyors válaszát | az információt | a tájékoztatást | a türelmüket |
            a türelmét | mindent | a gyors ügyintézést | az ügyintézést | a kedvességét | semmi gond | nincs mit |
            szívesen
        """,
        goodbyes="""
            üdvözlettel | üdv | tisztelettel | szívélyes üdvözlettel | baráti üdvözlettel | viszlát | viszontlátásra |
            puszi
        """,
    ),
    Words(  # Romanian
        thanks="""
            mulțumesc | mulțumesc mult | mulțumesc foarte mult | vă mulțumesc | îți mulțumesc | vă mulțumim |
            mulțumim | mulțumesc frumos | mii de mulțumiri | multe mulțumiri | mersi | mersi mult | mersi frumos |
            mulțam | perfect | excelent | super | foarte bine | în regulă | e în regulă | totul e bine | am înțeles |
            ok | bine | minunat
        """,
        beside="""
            încă o dată | din nou | mult | tare mult | dumneavoastră | tuturor | și | bună | bună ziua |
            bună dimineața | bună seara | salut | o zi bună | o zi frumoasă | vă doresc o zi bună | o seară frumoasă |
            weekend plăcut | la fel | asemenea | cu plăcere | nicio problemă | echipa
        """,
        goodbyes="""
            cu stimă | cu respect | cu drag | salutări | toate cele bune | numai bine | o zi bună | pe curând |
            la revedere
        """,
        for_="pentru | pentru tot | pentru toată",
        how="rapid | rapidul | promptul | promptă | foarte",
        what="""
            ajutor | ajutorul | ajutorul acordat | răspuns | răspunsul | răspunsul rapid | răspunsul prompt |
            promptitudine | sprijin | sprijinul | timp | timpul acordat | răbdare | informații | informație |
            informația | informațiile | amabilitate | înțelegere | tot | mesaj | suport | serviciu | servicii
        """,
    ),
    Words(  # Turkish
        thanks="""
            teşekkürler | teşekkür ederim | teşekkür ederiz | çok teşekkürler | çok teşekkür ederim |
            çok teşekkür ederiz | teşekkür | tşk | tşkler | tesekkürler | sağol | sağ ol | sağolun | sağ olun |
            çok sağolun | çok sağ olun | eyvallah | minnettarım | mükemmel | harika | süper | tamam | tamamdır |
            tamam anladım | anladım | güzel | çok güzel | çok iyi | ok | elinize sağlık | emeğinize sağlık |
            çok naziksiniz
        """,
        beside="""
            tekrar | tekrardan | yeniden | bir kez daha | gerçekten | çok | size | sizlere | hepinize | herkese | ve |
            merhaba | merhabalar | selam | selamlar | günaydın | iyi günler | iyi akşamlar | iyi geceler |
            iyi hafta sonları | iyi çalışmalar | kolay gelsin | size de | hayırlı günler | yardımınız için |
            yardımlarınız için | ilginiz için | alakanız için | ilgi ve alakanız için | hızlı cevabınız için |
            cevabınız için | hızlı dönüşünüz için | dönüşünüz için | hızlı yanıtınız için | yanıtınız için |
            desteğiniz için | bilgi için | bilgilendirme için | bilgilendirmeniz için | sabrınız için |
            anlayışınız için | her şey için | sorun değil | rica ederim | bey | hanım
        """,
        goodbyes="""
            saygılar | saygılarımla | saygılarımızla | sevgiler | iyi günler | iyi çalışmalar | iyi günler dilerim |
            selamlar | görüşürüz | hoşça kalın
        """,
    ),
    Words(  # Russian
        thanks="""
            спасибо | большое спасибо | спасибо большое | огромное спасибо | спасибо огромное | спасибо вам |
            большое вам спасибо | спасибо вам большое | премного благодарен | благодарю | благодарю вас | благодарим |
            благодарим вас | очень благодарен | очень благодарна | благодарен | благодарна | спс | спасибки |
            сердечно благодарю | искренне благодарю | хорошо | отлично | прекрасно | замечательно | супер | понятно |
            понял | поняла | всё понятно | все понятно | всё хорошо | все хорошо | всё отлично | все отлично | ок |
            окей | ладно | класс | принято | договорились
        """,
        beside="""
            ещё раз | еще раз | снова | очень | вам | тебе | всем | всей команде | вашей команде | и | здравствуйте |
            добрый день | доброе утро | добрый вечер | привет | хорошего дня | хорошего вам дня | удачного дня |
            всего доброго | всего хорошего | хорошего вечера | хороших выходных | приятного дня | взаимно | и вам |
            и вам тоже | не за что | без проблем | уважаемые коллеги | коллеги
        """,
        goodbyes="""
            с уважением | с наилучшими пожеланиями | с благодарностью | всего доброго | всего хорошего | до свидания |
            пока | хорошего дня | удачи
        """,
        for_="за | за вашу | за ваш | за ваше | за столь | за такой | за такую | за всю",
        how="""
            быстрый | быструю | быстрое | оперативный | оперативную | оперативное | хорошую | отличную | отличный |
            отличное | столь | очень | вашу | ваш | скорый | скорую
        """,
        what="""
            помощь | ответ | ответы | отклик | поддержку | содействие | информацию | внимание | время | терпение |
            понимание | оперативность | обслуживание | сервис | всё | все | решение | сотрудничество | реакцию |
            заботу | сообщение | разъяснение | разъяснения | работу | вежливость
        """,
    ),
    Words(  # Ukrainian and Bulgarian
        thanks="""
            дякую | щиро дякую | дуже дякую | дякую вам | дякуємо | велике дякую | красно дякую | спасибі |
            велике спасибі | вдячний | вдячна | дуже вдячний | дуже вдячна | добре | чудово | відмінно | зрозуміло |
            гаразд | супер | благодаря | благодаря ви | благодаря много | много благодаря | благодаря ти |
            благодарим | мерси | сърдечно благодаря | отлично | чудесно | разбрах
        """,
        beside="""
            ще раз | знову | дуже | вам | всім | і | та | добрий день | доброго дня | доброго ранку | добрий вечір |
            вітаю | привіт | гарного дня | гарного вам дня | гарних вихідних | навзаєм | нема за що | още веднъж |
            отново | много | на всички | здравейте | добър ден | добро утро | добър вечер | приятен ден | хубав ден |
            лек ден | хубава вечер | също и на вас
        """,
        goodbyes="""
            з повагою | з найкращими побажаннями | на все добре | до побачення | всього найкращого | поздрави |
            с уважение | с поздрав | сърдечни поздрави | всичко добро | довиждане | гарного дня
        """,
        for_="за | за вашу | за швидку | за швидке | за вашата | за бързия | за бързата | за бързото",
        how="""
            швидку | швидке | швидкий | вчасну | оперативну | оперативний | бърз | бърза | бързото | бързата |
            вашата | вашу
        """,
        what="""
            допомогу | відповідь | підтримку | інформацію | увагу | час | терпіння | розуміння | оперативність | все |
            обслуговування | сервіс | помощта | отговор | отговора | съдействието | подкрепата | вниманието |
            информацията | търпението | разбирането | всичко | обслужването
        """,
    ),
    Words(  # Croatian, Serbian, Slovenian
        thanks="""
            hvala | hvala lijepa | hvala lepa | hvala lepo | hvala lijepo | puno hvala | hvala puno | hvala vam |
            hvala vam puno | najlepša hvala | zahvaljujem | zahvaljujem se | mnogo hvala | hvala mnogo | хвала |
            хвала вам | хвала лепо | много хвала | odlično | super | savršeno | u redu | sve u redu | sve ok |
            v redu | vse v redu | dobro | ok | razumijem
        """,
        beside="""
            još jednom | ponovno | ponovo | vama | vam | svima | i | in | dobar dan | dober dan | dobro jutro |
            dobra večer | dobro veče | bok | pozdravljeni | poštovani | spoštovani | ugodan dan | lijep dan |
            lep dan | prijatan dan | ugodan vikend | prijeten dan | lep vikend | također | takođe | enako |
            nema na čemu | nema problema | ni za kaj
        """,
        goodbyes="""
            pozdrav | lijep pozdrav | lep pozdrav | lp | srdačan pozdrav | srdačno | s poštovanjem | sa poštovanjem |
            pozdravi | s spoštovanjem | doviđenja | nasvidenje
        """,
        for_="na | na vašoj | na brzom | na brzoj | za | za vašo | za vašu | na svoj",
        how="brzom | brzoj | brz | hitro | hiter | ljubaznoj | velikoj",
        what="""
            pomoći | odgovoru | usluzi | podršci | strpljenju | razumijevanju | informaciji | informacijama | svemu |
            trudu | pomoč | odgovor | pomoć | informacijo | informacije | podporo | vse | sve
        """,
    ),
    Words(  # Greek
        thanks="""
            ευχαριστώ | ευχαριστώ πολύ | ευχαριστούμε | ευχαριστούμε πολύ | σας ευχαριστώ | σας ευχαριστώ πολύ |
            σε ευχαριστώ | χίλια ευχαριστώ | πολλά ευχαριστώ | θερμά ευχαριστώ | σας ευχαριστούμε | ευχαριστίες |
            τέλεια | τέλειο | εξαιρετικά | πολύ καλά | ωραία | εντάξει | όλα καλά | οκ | κατάλαβα | υπέροχα |
            efharisto
        """,
        beside="""
            και πάλι | ξανά | για άλλη μια φορά | πολύ | θερμά | όλους | και | γεια | γεια σας | καλημέρα |
            καλησπέρα | χαίρετε | καλή σας ημέρα | καλή σας μέρα | καλή συνέχεια | καλό απόγευμα | καλό βράδυ |
            καλό σαββατοκύριακο | επίσης | παρακαλώ πολύ | τίποτα δεν κάνει
        """,
        goodbyes="""
            με εκτίμηση | με φιλικούς χαιρετισμούς | χαιρετισμούς | φιλικά | με σεβασμό | αντίο | τα λέμε |
            καλή συνέχεια
        """,
        for_="για | για την | για τη | για το | για τον | για τις | για όλα | για όλη την",
        how="άμεση | γρήγορη | πολύ | άψογη | καλή | πολύτιμη | γρήγορο",
        what="""
            βοήθεια | βοήθειά σας | απάντηση | απάντησή σας | εξυπηρέτηση | εξυπηρέτησή σας | υποστήριξη |
            υποστήριξή σας | ενημέρωση | χρόνο σας | υπομονή σας | κατανόηση | όλα | πληροφορίες | ανταπόκριση |
            ανταπόκρισή σας
        """,
    ),
    Words(  # Arabic
        thanks="""
            شكرا | شكرا لك | شكرا لكم | شكرا جزيلا | شكرا جزيلا لك | شكرا جزيلا لكم | شكرا كثيرا | ألف شكر | الف شكر |
            جزيل الشكر | مع الشكر | مع جزيل الشكر | لكم جزيل الشكر | أشكرك | أشكركم | أشكرك جزيلا | نشكركم |
            شكرا مرة أخرى | جزاك الله خيرا | جزاكم الله خيرا | جزاك الله خير | جزاكم الله خير | مشكور | مشكورين |
            مشكورة | يعطيك العافية | يعطيكم العافية | الله يعطيك العافية | بارك الله فيك | بارك الله فيكم | تسلم |
            تسلموا | ممتاز | رائع | تمام | حسنا | كل شيء تمام | جيد جدا | فهمت | متشكر | متشكرة | ممنون | ممنونة
        """,
        beside="""
            جدا | جزيلا | كثيرا | مرة أخرى | مجددا | لك | لكم | لكم جميعا | للجميع | و | مرحبا | أهلا | السلام عليكم |
            السلام عليكم ورحمة الله | السلام عليكم ورحمة الله وبركاته | وعليكم السلام | صباح الخير | مساء الخير |
            يوم سعيد | يوما سعيدا | أتمنى لكم يوما سعيدا | نهارك سعيد | عفوا | لا شكر على واجب | على مساعدتكم |
            على مساعدتك | على المساعدة | على الرد | على ردكم | على ردك | على الرد السريع | على سرعة الرد |
            على ردكم السريع | على الدعم | على دعمكم | على وقتكم | على تعاونكم | على حسن تعاونكم | على حسن التعامل |
            على المعلومات | على كل شيء | على صبركم | على اهتمامكم | على الاهتمام | على خدمتكم | على الخدمة الممتازة |
            على تجاوبكم | على تجاوبكم السريع
        """,
        goodbyes="""
            تحياتي | مع تحياتي | مع أطيب التحيات | أطيب التحيات | تحياتي لكم | مع خالص التحية | خالص التحية |
            مع خالص تحياتي | تحية طيبة | مع السلامة | في أمان الله | وتقبلوا تحياتي | والسلام عليكم
        """,
    ),
    Words(  # Persian, Urdu, Hindi
        thanks="""
            ممنون | ممنونم | متشکرم | خیلی ممنون | خیلی متشکرم | سپاس | سپاسگزارم | سپاس فراوان | با سپاس | مرسی |
            تشکر | با تشکر | دست شما درد نکند | عالی | خوبه | باشه | شکریہ | بہت شکریہ | بہت بہت شکریہ | धन्यवाद |
            बहुत धन्यवाद | बहुत बहुत धन्यवाद | आपका धन्यवाद | आपका बहुत धन्यवाद | आपका बहुत बहुत धन्यवाद | शुक्रिया | बहुत शुक्रिया |
            बहुत बहुत शुक्रिया | आभार | ठीक है | बढ़िया | बहुत अच्छा | shukriya | dhanyavaad | dhanyavad
        """,
        beside="""
            دوباره | بسیار | از شما | از کمک شما | از پاسخ شما | بابت کمک شما | سلام | روز خوبی داشته باشید |
            روز بخیر | नमस्ते | नमस्कार | फिर से | एक बार फिर | आपकी मदद के लिए | मदद के लिए | आपकी सहायता के लिए |
            सहायता के लिए | जवाब के लिए | आपके जवाब के लिए | त्वरित जवाब के लिए | सहयोग के लिए | आपका दिन शुभ हो | شुभ दिन |
            और | जी
        """,
        goodbyes="با احترام | ارادتمند | خدانگهدار | सादर | शुभकामनाएं | शुभकामनाओं सहित | अलविदा",
    ),
    Words(  # Hebrew
        thanks="""
            תודה | תודה רבה | המון תודה | תודה לך | תודה לכם | תודה רבה לך | תודה רבה לכם | רב תודות | אלף תודות |
            תודה ענקית | תודה מקרב לב | בתודה | מודה לך | מודה לכם | מעולה | מצוין | מצויין | אחלה | סבבה | בסדר |
            בסדר גמור | הכל בסדר | נהדר | הבנתי | אוקיי | אוקי | מושלם | טוב מאוד | ישר כוח
        """,
        beside="""
            שוב | מאוד | לך | לכם | לכולם | לכל הצוות | שלום | היי | הי | בוקר טוב | ערב טוב | צהריים טובים |
            יום טוב | יום נעים | שיהיה יום טוב | שיהיה לך יום טוב | המשך יום נעים | שבוע טוב | סוף שבוע נעים |
            שבת שלום | ערב נעים | גם לך | גם לכם | על העזרה | על עזרתך | על עזרתכם | על התשובה | על התשובה המהירה |
            על המענה | על המענה המהיר | על השירות | על השירות המהיר | על השירות המעולה | על התמיכה | על הזמן |
            על הסבלנות | על הכל | על הטיפול | על הטיפול המהיר | על היחס | על המידע | על העדכון | אין בעיה | אין בעד מה
        """,
        goodbyes="בברכה | בברכת | בכבוד רב | להתראות | יום טוב | כל טוב | בידידות",
    ),
    Words(  # Japanese
        thanks="""
            ありがとう | ありがとうございます | ありがとうございました | 有難う | 有り難う | 有難うございます |
            有り難うございます | 有難うございました | 有り難うございました | 有難う御座います | 有難う御座いました |
            感謝します | 感謝しております | 感謝いたします | 感謝致します | 感謝申し上げます | 御礼申し上げます |
            お礼申し上げます | 厚く御礼申し上げます | どうも | サンキュー | 助かりました | 大変助かりました |
            とても助かりました | 承知しました | 承知いたしました | 承知致しました | 了解です | 了解しました |
            了解いたしました | かしこまりました | 分かりました | わかりました | 完璧です | 嬉しいです | 安心しました
        """,
        beside="""
            本当に | 誠に | どうも | 大変 | とても | 心より | 心から | 重ねて | 改めて | この度は | このたびは |
            こちらこそ | 早速の | さっそくの | 迅速な | 丁寧な | ご丁寧な | 素早い | 早急な | 親切な | ご親切な |
            ご対応 | 対応 | ご対応いただき | ご対応頂き | ご返信 | 返信 | ご返信いただき | ご連絡 | 連絡 |
            ご連絡いただき | ご回答 | 回答 | ご回答いただき | ご返事 | お返事 | ご説明 | ご案内 | ご協力 |
            ご協力いただき | サポート | お手数をおかけしました | お手数をおかけいたしました | お世話になりました |
            大変お世話になりました | お世話になっております | いつもお世話になっております | お世話になります |
            いつも | に | を | も | の | は | こんにちは | こんばんは | おはようございます | お疲れ様です |
            お疲れ様でした | 様 | さん | 皆様 | ご担当者様 | 担当者様 | 今後ともよろしくお願いいたします |
            今後ともよろしくお願いします | 今後とも宜しくお願い致します | 今後とも宜しくお願いいたします | いえいえ |
            どういたしまして | 色々と | いろいろと | また機会がありましたらよろしくお願いいたします | 失礼いたします |
            失礼します | です | でした
        """,
        goodbyes="敬具 | 草々 | 以上",
    ),
    Words(  # Chinese
        thanks="""
            谢谢 | 谢谢你 | 谢谢您 | 谢谢你们 | 谢谢大家 | 多谢 | 非常感谢 | 十分感谢 | 万分感谢 | 感谢 | 感谢你 |
            感谢您 | 感谢你们 | 很感谢 | 太感谢了 | 太谢谢了 | 感激不尽 | 感恩 | 谢了 | 谢啦 | 辛苦了 | 您辛苦了 |
            你们辛苦了 | 麻烦您了 | 麻烦你们了 | 好的 | 好 | 好滴 | 明白了 | 明白 | 知道了 | 了解 | 了解了 |
            收到谢谢 | 没问题 | 太好了 | 很好 | 非常好 | 完美 | 棒 | 真棒 | 謝謝 | 謝謝你 | 謝謝您 | 謝謝你們 | 多謝 |
            非常感謝 | 十分感謝 | 感謝 | 感謝您 | 感謝你 | 感謝你們 | 太感謝了 | 謝了 | 謝啦 | 辛苦您了 | 沒問題 |
            唔該 | 唔該晒
        """,
        beside="""
            再次 | 再一次 | 非常 | 真的 | 真心 | 衷心 | 真诚地 | 十分 | 很 | 大家 | 各位 | 您 | 你 | 你们 | 你們 |
            和 | 与 | 的 | 了 | 啦 | 哦 | 呀 | 啊 | 您好 | 你好 | 你们好 | 早上好 | 下午好 | 晚上好 | 大家好 | 祝好 |
            祝您生活愉快 | 祝生活愉快 | 祝您愉快 | 祝您工作愉快 | 祝您周末愉快 | 周末愉快 | 祝一切顺利 | 祝工作顺利 |
            祝你好运 | 不客气 | 不用谢 | 帮助 | 帮忙 | 回复 | 快速回复 | 及时回复 | 及时的 | 快速的 | 答复 | 支持 |
            耐心 | 耐心解答 | 解答 | 服务 | 理解 | 配合 | 对您的 | 对你们的 | 为您的 | 客服 | 亲 | 協助 | 幫助 |
            幫忙 | 回覆 | 快速回覆 | 支援 | 服務 | 祝好運 | 不客氣 | 先生 | 女士 | 小姐 | 老师
        """,
        goodbyes="此致 | 此致敬礼 | 敬礼 | 祝好 | 再见 | 拜拜 | 敬上",
    ),
    Words(  # Korean
        thanks="""
            감사합니다 | 감사해요 | 감사드립니다 | 감사 드립니다 | 감사했습니다 | 고맙습니다 | 고마워요 |
            고마웠습니다 | 감사 | 땡큐 | 수고하셨습니다 | 수고 많으셨습니다 | 수고하세요 | 알겠습니다 | 알겠어요 |
            확인했습니다 | 좋습니다 | 좋아요 | 완벽해요 | 최고예요 | 최고입니다
        """,
        beside="""
            네 | 넵 | 넹 | 네네 | 정말 | 정말로 | 너무 | 대단히 | 매우 | 진심으로 | 다시 한번 | 다시 한 번 |
            다시한번 | 항상 | 모두 | 여러분 | 안녕하세요 | 안녕하십니까 | 빠른 | 신속한 | 친절한 | 답변 | 답변에 |
            답변 주셔서 | 답변해 주셔서 | 답장 | 답장 주셔서 | 답장에 | 대응 | 대응에 | 도움 | 도움에 | 도움 주셔서 |
            도와주셔서 | 도와 주셔서 | 처리 | 처리에 | 처리해 주셔서 | 안내 | 안내에 | 안내해 주셔서 | 서비스 |
            서비스에 | 응대 | 응대에 | 지원에 | 지원해 주셔서 | 협조에 | 설명해 주셔서 | 알려주셔서 | 알려 주셔서 |
            연락 주셔서 | 좋은 하루 되세요 | 좋은 하루 보내세요 | 즐거운 하루 되세요 | 행복한 하루 되세요 |
            좋은 주말 되세요 | 좋은 주말 보내세요 | 즐거운 주말 보내세요 | 님 | 씨 | 담당자님 | 고객센터 | 천만에요 |
            아닙니다 별말씀을요
        """,
        goodbyes="드림 | 올림 | 안녕히 계세요 | 이만 줄입니다",
    ),
    Words(  # Indonesian, Malay, Vietnamese, Filipino, Thai
        thanks="""
            terima kasih | terimakasih | terima kasih banyak | terimakasih banyak | makasih | makasi |
            makasih banyak | trims | trimakasih | tengkyu | baik | baiklah | siap | oke | mantap | bagus | sempurna |
            cảm ơn | cám ơn | cảm ơn bạn | cảm ơn nhiều | cảm ơn rất nhiều | xin cảm ơn | xin chân thành cảm ơn |
            chân thành cảm ơn | rất cảm ơn | cảm ơn anh | cảm ơn chị | cảm ơn em | cảm ơn shop | tuyệt vời | tốt quá |
            salamat | maraming salamat | maraming salamat po | salamat po | ขอบคุณ | ขอบคุณมาก | ขอบคุณค่ะ | ขอบคุณครับ |
            ขอบคุณมากค่ะ | ขอบคุณมากครับ | ขอบคุณนะคะ | ขอบคุณนะครับ | ขอบใจ | โอเค | ดีมาก | เยี่ยม
        """,
        beside="""
            sekali | sekali lagi | banyak | ya | kak | pak | bu | mas | mbak | atas bantuannya | atas bantuan anda |
            atas responnya | atas jawabannya | atas respon cepatnya | atas informasinya | atas pelayanannya |
            untuk bantuannya | dan | halo | hai | selamat pagi | selamat siang | selamat sore | selamat malam |
            sama sama | nhiều | rất nhiều | lần nữa | một lần nữa | ạ | nhé | bạn | xin chào | chào bạn | đã giúp đỡ |
            đã hỗ trợ | vì sự giúp đỡ | vì đã giúp đỡ | chúc một ngày tốt lành | chúc bạn một ngày tốt lành |
            không có gì | po | sa tulong | sa inyong tulong | at | มาก | ค่ะ | ครับ | นะคะ | นะครับ | อีกครั้ง | สวัสดี |
            สวัสดีค่ะ | สวัสดีครับ | สำหรับความช่วยเหลือ | สำหรับคำตอบ
        """,
        goodbyes="""
            salam | salam hormat | hormat saya | trân trọng | thân ái | thân mến | kính thư | paalam | ด้วยความเคารพ
        """,
    ),
)
