"""What mail systems write when they could not deliver: phrases, by the reason that they give.

The order of REASONS decides between two that match: what blames the sender, the mail or the moment stands before what
blames the address, because "sender rejected: user unknown" says nothing about the recipient, and only a dead address
is suppressed.
"""

from functools import lru_cache

from gateway.mail.phrases import matcher, phrases

#: Reasons after which writing to that address again is useless whatever the mail says (RFC 3463 X.1.1, X.1.2, X.1.6).
DEAD = frozenset({"nouser", "nodomain", "moved"})

#: Enhanced status codes of dead addresses; asked only when the text gives no reason. Class 5 alone says nothing about
#: the address: it is also sent for full mailboxes, size, spam and policy.
DEAD_CODES = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})

#: The reason that an enhanced status code stands for, without its class (RFC 3463 §3, RFC 7505, RFC 7372).
CODES = {
    "1.0": "rejected",
    "1.1": "nouser",
    "1.2": "nodomain",
    "1.3": "nouser",
    "1.4": "nouser",
    "1.6": "moved",
    "1.7": "sender",
    "1.8": "sender",
    "1.10": "nodomain",
    "2.1": "disabled",
    "2.2": "full",
    "2.3": "size",
    "2.4": "list",
    "3.1": "full",
    "3.2": "system",
    "3.4": "size",
    "4.1": "network",
    "4.2": "network",
    "4.3": "network",
    "4.4": "network",
    "4.5": "rate",
    "4.6": "loop",
    "4.7": "expired",
    "5.3": "rate",
    "6.0": "content",
    "6.1": "content",
    "6.2": "content",
    "6.3": "content",
    "7.0": "policy",
    "7.1": "policy",
    "7.2": "policy",
    "7.5": "auth",
    "7.8": "auth",
    "7.9": "policy",
    "7.20": "auth",
    "7.23": "auth",
    "7.25": "ptr",
    "7.26": "auth",
}

#: reason: phrases, strongest reason first.
REASONS: dict[str, tuple[str, ...]] = {
    # ---- the mail is still on its way, or ran out of time -----------------------------------------------------------
    "loop": phrases("""
        too many hops | hop count exceeded | maximum hop count | routing loop | mail loop | message loop |
        mail forwarding loop | loops back to myself | loop detected | message is looping | excessive recursion |
        too many received | hopcount
    """),
    # ---- the sender or his host is to blame -------------------------------------------------------------------------
    "list": phrases("""
        google groups | groups.google.com | awaits moderator | is moderated | post to the group |
        permission to post | posting to this list | only members | subscribers only | mailing list expansion
    """),
    "auth": phrases("""
        dmarc | spf record | spf check | spf fail | spf: | failed spf | sender policy framework | spf.pobox.com |
        openspf.org | dkim signature | dkim check | fails authentication | failed authentication |
        unauthenticated email | unauthenticated mail | does not pass authentication | not pass verification
    """),
    "ptr": phrases("""
        reverse dns | rdns | ptr record | ptr resource record | no ptr | dns ptr | missing ptr |
        ip name lookup failed | client host rejected: cannot find your | cannot find your hostname |
        cannot find your reverse hostname | cannot resolve your address | mismatches client ip |
        without a valid sender domain | domain name required | generic hostname
    """),
    "rate": phrases("""
        too many connections | too many concurrent | connection rate limit | rate limit | rate-limit | ratelimit |
        too many recipients | too many messages | too many emails | too many mails | too many errors |
        sending limit | daily limit | hourly limit | relay quota | sending quota | message rate |
        is receiving mail at a rate | is receiving mail too quickly | receiving email too quickly | throttl |
        slow down | over the limit of | exceeded the maximum number of messages | exceeded the limit of emails |
        has exceeded the max emails per hour | unusual rate | unexpected volume | frequency limited |
        sending frequency | 发送频率 | 发信频率
    """),
    "sender": phrases("""
        sender address rejected | sender rejected | sender was rejected | sender verify failed |
        sender verification | sender denied | sender not allowed | sender is not allowed | sender blocked |
        sender is blocked | sender not authorized | sender ok but | sender domain | invalid sender | bad sender |
        verify sender | verify the sender | verification of sender | unknown sender | domain of sender address |
        domain of sender | sender's domain | sending domain | mail from domain | mailfrom domain |
        email address is not verified | sender unknown | from address is not | not accepting mail from |
        does not accept mail from you | you are not allowed to send | not authorized to send | not allowed to send |
        don't have permission to send | refuse to receive mail from you | absender abgelehnt |
        adresse d'expediteur refusee | remitente rechazado | mittente rifiutato | remetente rejeitado | 发件人被拒绝
    """),
    "relay": phrases("""
        relay access denied | relaying denied | relay denied | relaying not permitted | relay not permitted |
        not permitted to relay | not configured to relay | unable to relay | relaying is not allowed |
        relaying not allowed | relay not allowed | relaying is prohibited | relaying prohibited | we do not relay |
        we don't relay | not relaying | cannot relay | this system does not relay | not a gateway | not a relay |
        rcpthosts | relay is not | no relaying | relay operation rejected | smtp authentication |
        authentication required | authentication is required | authrequired | must authenticate |
        must be authenticated | please authenticate | unauthenticated senders | use the smtp server of your isp |
        aucun relais | relais refuse
    """),
    # ---- the mail is to blame ---------------------------------------------------------------------------------------
    "virus": phrases("""
        virus | malware | infected | trojan | phishing | clamav | mcspamsignature | security policies | malicious
    """),
    "spam": phrases("""
        spam | unsolicited | bulk email | bulk e-mail | bulk mail | mass mail | junk mail | considered junk | (ube) |
        profile the internet community | cloudmark | looks like uce | score too high | unwanted mail | 垃圾邮件 |
        迷惑メール |
        спам
    """),
    "full": phrases("""
        mailbox full | mailbox is full | mailbox was full | mailbox for user is full |
        mailbox for this user is full | mail box full | mail box is full | mailfolder is full | mailfolder full |
        inbox is full | inbox full | inbox was full | boxes are full | account is full | user is full | is full: |
        full mailbox | mailbox has exceeded | mailbox exceeds | mailbox exceeded | mailbox size limit |
        mailbox limit | mailbox storage | maximum mailbox size | exceeded the size limit of the mailbox |
        over quota | overquota | over-quota | over disk quota | out of disk space | out of storage | out of space |
        no disk space | no space left | not enough space | not enough disk space | insufficient disk |
        insufficient storage | insufficient system storage | quota exceeded | quotaexceeded | quota exceed |
        exceeds quota | exceeded quota | exceeding quota | exceeded his quota | exceeded its quota |
        exceeded their quota | exceeding their quota | exceeded storage | exceed the quota | exceeds the quota |
        exceeded the quota | quota violation | quota full | quota limit | quota has been | above quota |
        above his quota | beyond quota | under their quota | disk quota | disk full | disk is full | storage quota |
        storage limit | storage exceeded | storage allocation | storage space | mail quota | maildir over |
        enough storage | too much mail data | postfach voll | postfach ist voll | postfachs ist voll |
        postfach des empfangers ist voll | postfach des empfängers ist voll | mailbox ist voll | mailbox voll |
        speicherplatz | kontingent überschritten | boîte aux lettres pleine | boite aux lettres pleine |
        boîte de réception pleine | boîte aux lettres du destinataire est pleine | quota dépassé | quota depasse |
        espace disque | buzón lleno | buzon lleno | buzón está lleno | buzón de correo lleno |
        buzón del destinatario está lleno | cuota excedida | excedido la cuota | excedido su cuota |
        superado la cuota | casella piena | casella di posta piena | casella è piena | casella postale piena |
        caixa de correio cheia | caixa postal cheia | caixa cheia | caixa de correio está cheia | quota excedida |
        cota excedida | postvak vol | postvak is vol | mailbox vol | mailbox is vol | skrzynka pełna |
        skrzynka jest pełna | przepełniona skrzynka | skrzynka odbiorcy jest pełna | schránka je plná |
        schránka plná | postlådan är full | brevlådan är full | postkassen er full | postkassen er fuld |
        postilaatikko on täynnä | posta kutusu dolu | kotası aşıldı | ящик переполнен | ящик получателя переполнен |
        почтовый ящик заполнен | превышена квота | превышен размер ящика | メールボックスがいっぱい |
        メールボックスが満杯 | メールボックスの容量 |
        受信ボックスがいっぱい | 容量オーバー | 容量を超え | 邮箱已满 | 邮箱空间不足 | 邮箱容量 | 信箱已滿 |
        信箱已满 | 郵箱已滿 | 空间不足 | 메일함이 가득 | 용량이 초과 | 용량 초과 |
        صندوق البريد ممتلئ
    """),
    "size": phrases("""
        message too large | message is too large | message was too large | message too big | message is too big |
        mail too large | mail is too large | mail too big | it's too large | it is too large |
        too large for this recipient | too large for this organization | message exceeds | message size |
        message file too big | message length exceed | mail size | exceeds size limit | exceeds maximum size |
        exceeds the size limit | exceeds the maximum | exceeds fixed maximum | exceeds maximum | exceeded maximum |
        exceeds limit set | maximum size | size limit | sizelimit | size exceed | line limit exceeded |
        line too long | line length | header size | body too large | content too large |
        larger than the current system limit | larger than | nachricht zu groß | nachricht ist zu groß | zu groß |
        trop volumineux | trop gros | demasiado grande | troppo grande | muito grande | te groot | za duża |
        слишком большой | слишком большое | サイズが大き | サイズを超え | 邮件过大 | 郵件過大
    """),
    "content": phrases("""
        content rejected | message content | content filter | attachment type | attachment name |
        attachments are not | attachment not allowed | attachment is not | accepting mail with attachments |
        illegal attachment | banned attachment | forbidden attachment | content policy | header error |
        duplicate header | messages with multiple | from: header | from header | resent-from | bare lf |
        bare newline | illegal 8bit | 8-bit | invalid header | malformed header | missing header | no message-id |
        message-id header | rfc 5322 | rfc5322 | rfc 2822 | rfc2822 | message filtered | not compliant |
        embedded images | suspicious url | contains a url | blocked url | message rejected due to content
    """),
    # ---- a wall between the two ---------------------------------------------------------------------------------
    "greylisted": (
        "greylist",
        "graylist",
        "grey-list",
        "gray-list",
    ),
    "blocked": phrases("""
        blacklist | black list | black-list | blocklist | block list | blocked | blocking | barracuda | sorbs |
        dnsbl | _rbl | rbl. | senderscore | real time list | banned | reputation | sender.office.com | weren't sent |
        poor karma | dynamic ip | dialup | dial-up | bad helo | helo command rejected | invalid helo | helo name |
        my name was rejected | client host rejected | host rejected | your ip | ip address is not allowed |
        connection refused by policy | connections not accepted | go away | not welcome | 在黑名单 | 黑名单
    """),
    "disabled": phrases("""
        disabled | suspended | frozen | account is locked | mailbox is locked | mailbox locked | user locked |
        account locked | is inactive | account inactive | mailbox inactive | inactive user | inactive account |
        inactive mailbox | user is not active | account is not active | mailbox not active | account not active |
        not been active | has expired | account expired | expired account | temporarily closed | temporary closed |
        not been activated | is on hold | konto gesperrt | postfach gesperrt | ist gesperrt | compte désactivé |
        compte suspendu | cuenta desactivada | cuenta suspendida | cuenta inhabilitada | account disattivato |
        conta desativada | conta suspensa | konto zablokowane | ящик заблокирован | ящик отключен |
        ящик временно заблокирован | 账号被禁用 | 帐户已停用 | 账户被冻结
    """),
    # ---- the address is dead ----------------------------------------------------------------------------------------
    "moved": phrases("""
        has moved to | has moved | address has changed | has been changed to | changed his address |
        changed their address | changed address | no longer on server | no longer employed | no longer works |
        no longer with the company | nicht mehr im unternehmen
    """),
    "nodomain": phrases("""
        domain not found | domain name not found | domain does not exist | domain doesn't exist |
        domain is not reachable | domain not exist | domain unknown | unknown domain | no such domain |
        bad destination system | bad destination host | illegal host | invalid domain | invalid host | unknown host |
        host unknown | no such host | host not found | hostname not found | couldn't find any host |
        could not find any host | couldn't find a mail exchanger | could not find a mail exchanger |
        could not find a gateway | cannot find a mail exchanger | no mail exchanger | no mail server found |
        no mx or a records | no mx found | no mx record | mx record not found | indicated no smtp service | null mx |
        nullmx | nxdomain | unrouteable address | unroutable address | unrouteable mail domain |
        no route to host found | unable to route | all relevant mx records point to non-existent hosts |
        lowest numbered mx record points to local host | doesn't receive email | does not receive email |
        host/domain does not accept mail | domain of recipient does not exist | domain isn't in my list of allowed |
        domain is no longer | dns-fehler | domain existiert nicht | domäne wurde nicht gefunden |
        domaine inexistant | domaine introuvable | dominio no existe | dominio inexistente | dominio non esiste |
        domínio não existe | домен не найден | домен не существует | ドメインが見つかりません |
        ドメインが存在しません | 域名不存在
    """),
    "nouser": phrases("""
        user unknown | unknown user | unknown_user | user_unknown | user is unknown | unknown or illegal user |
        unknown or illegal alias | unknown or invalid user | unknown local user | unknown local part |
        unknown local-part | unknown recipient | unknown address | unknown mailbox | unknown account |
        unknown email address | unknown to address | unknown final | unknown destination address |
        recipient unknown | recipient is unknown | recipient not found | recipnotfound | recipientnotfound |
        recipient not known |
        recipient does not exist | recipient doesn't exist | recipient no longer | recipient name is not recognized |
        recipient is not recognized | recipient is invalid | recipient not exist | recipient was not found |
        recipient could not be found | recipient address does not exist | recipients do not exist |
        addressee unknown | address unknown | address is unknown | address not known | address not found |
        address does not exist | address doesn't exist | address no longer | address is no longer |
        address is not valid | address is invalid | address not valid | address invalid | address couldn't be found |
        address could not be found | address wasn't found | address was not found | address is wrong |
        address is incorrect | address is not listed | did not exactly match | not exist here | not known at this |
        not known here | not our customer | not a known user | not a valid user | not a valid mailbox |
        not a valid recipient | not a valid address | not a local user | not a user | no user by | no user here |
        no user with | name is not recognized | 5.4.1 recipient address rejected: access denied | does not exist at |
        unable to find user | not a customer | not listed in domino directory | not listed in public name |
        not listed in the domino | no valid recipients | user not known | user not found | user not exist |
        user not local | user not listed | user does not exist | user doesn't exist | user doesn't have |
        user does not have | user is not found | user is not known | user is not listed | user isn't found |
        user invalid | user no longer | user terminated | user deleted | user mail-box not found |
        user mailbox not found | username not found | user has been deleted | users does not exist | invalid user |
        invalid recipient | invalid mailbox | invalid address | invalid alias | invalid email address |
        invalid local part | invalid final delivery userid | bad recipient | bad address | bad mailbox |
        bad destination mailbox address | bad destination email address | badrcptto | incorrect address |
        wrong address | nonexistent | non-existent | non existent | no such user | no such person | no such mailbox |
        no such recipient | no such address | no such account | no such local user | no such email | no such alias |
        no such id | no such name | no such virtual user | no mailbox | no mail box | no account by that name |
        no account here | no local mailbox | no one here by that name | there is no one at this address |
        there is no such | account does not exist | account doesn't exist | account not found |
        account has been deleted | account has been closed | account is closed | account closed | account deleted |
        account has been cancelled | account is no longer | account no longer | account unknown |
        account unavailable | email account that you tried to reach does not exist |
        email you tried to reach is invalid | mailbox does not exist | mailbox doesn't exist | mailbox not found |
        mailbox not exist | mailbox unknown | mailbox is unknown | mailbox no longer | mailbox has been deleted |
        mailbox has been closed | mailbox has been removed | mailbox deleted | mailbox closed |
        mailbox unavailable or not local | mailbox not here | mailbox name not allowed |
        does not have a final email delivery point | does not have an account | doesn't have an account |
        does not have a mailbox | doesn't exist | does not exist | cannot be found | could not be found |
        couldn't be found | wasn't found at | was not found at | has been discontinued | isn't a valid |
        isn't found | undeliverable address | rcpt not found | cannot find your recipient | not in directory |
        alias unknown | user unkown | unkown user | unknown; rejecting | user reject | 5.1.1 rejected |
        5.1.1 unknown | unbekannter empfänger | empfänger unbekannt | empfänger nicht gefunden |
        empfänger existiert nicht | empfängeradresse ist unbekannt | benutzer unbekannt | unbekannter benutzer |
        benutzer existiert nicht | adresse existiert nicht | adresse wurde nicht gefunden | adresse nicht gefunden |
        konto existiert nicht | postfach existiert nicht | postfach nicht gefunden | postfach unbekannt |
        gibt es nicht | wurde nicht gefunden | nicht vorhanden | utilisateur inconnu | destinataire inconnu |
        destinataire est inconnu |
        destinataire n'existe pas | adresse inconnue | adresse inexistante | adresse introuvable |
        boîte aux lettres inexistante | adresse n'existe pas | n'existe pas | compte inexistant |
        adresse d au moins un destinataire invalide | destinataire invalide | usuario desconocido |
        usuario no existe | usuario inexistente | destinatario desconocido | destinatario no existe |
        dirección no encontrada | dirección no existe | cuenta no existe | buzón no existe | buzón inexistente |
        no existe | no se ha encontrado la dirección | utente sconosciuto | utente inesistente |
        destinatario sconosciuto | destinatario inesistente | indirizzo inesistente | indirizzo non trovato |
        casella inesistente | non esiste | usuário desconhecido | usuario desconhecido | usuário não existe |
        usuario nao existe | usuário inexistente | utilizador desconhecido | destinatário desconhecido |
        destinatário não existe | endereço não encontrado | endereço inexistente | caixa postal inexistente |
        não existe | onbekende gebruiker | gebruiker onbekend | ontvanger onbekend | adres niet gevonden |
        adres bestaat niet | bestaat niet | nieznany użytkownik | nieznany odbiorca | adres nie istnieje |
        nie istnieje | nie ma takiego | neznámý uživatel | neznámý příjemce | neexistuje | okänd användare |
        okänd mottagare | adressen finns inte | finns inte | ukendt bruger | ukendt modtager | findes ikke |
        ukjent bruker | ukjent mottaker | finnes ikke | tuntematon käyttäjä | tuntematon vastaanottaja |
        osoitetta ei löydy | ismeretlen felhasználó | ismeretlen címzett | nem létezik | utilizator necunoscut |
        nu există | bilinmeyen kullanıcı | kullanıcı bulunamadı | adres bulunamadı | άγνωστος χρήστης | δεν υπάρχει |
        пользователь не найден | неизвестный пользователь | неизвестный получатель | нет такого пользователя |
        такого пользователя нет | получатель не найден | адрес не найден | ящик не найден | не существует |
        несуществующий | не існує | ユーザーが存在しません | ユーザが存在しません | ユーザーが見つかりません |
        ディレクトリには見つかりません | アドレスが見つかりません |
        アドレスが見つからなかった | アドレスは存在しません | 宛先不明 | 宛先が見つかりません | 存在しません |
        用户不存在 | 用戶不存在 | 使用者不存在 | 收件人不存在 | 收件人地址不存在 |
        收件地址不存在 | 邮箱不存在 | 帐号不存在 | 账号不存在 | 帳號不存在 | 地址不存在 | 查无此用户 | 無此使用者 |
        无此用户 | 找不到收件人 | 找不到地址 | 존재하지 않는 |
        존재하지 않습니다 | 수신자를 찾을 수 없 | المستخدم غير موجود | العنوان غير موجود | המשתמש לא קיים |
        הכתובת לא נמצאה |
        ไม่พบที่อยู่ | không tồn tại | tidak ditemukan | tidak dikenal
    """),
    # ---- rules, faults and the moment -------------------------------------------------------------------------------
    "policy": phrases("""
        denied by policy | policy violation | policy reasons | policy reject | violates policy |
        violation of policy | local policy | administrative prohibition | administratively denied |
        administratively prohibited | administratively | not allowed | not permitted | prohibited |
        protocol violation | security policy | access denied | permission denied | message refused | mail rejected |
        mail rejete | mail refused | not authorized | unauthorized | only accepts mail from |
        only accepts messages from | delivery restriction | restricted
    """),
    "expired": phrases("""
        retry timeout exceeded | retry time not reached | retry limit | message expired | delivery expired |
        delivery time expired | message timed out | delivery timed out | queue.expired | in the queue too long |
        queue too long | queued too long | has been in queue | expired after | unable to deliver this message after |
        could not be delivered for | maximum queue lifetime | gave up | zeitüberschreitung | délai dépassé |
        tiempo de espera | время ожидания
    """),
    "network": phrases("""
        timed out | timeout | time-out | connection refused | connection reset | connection lost |
        connection dropped | connection failed | connection failure | connection closed | connection died |
        connection to mail exchanger failed | lost connection | no route to host | network is unreachable |
        network unreachable | host unreachable | host is unreachable | unable to connect | unable to contact |
        could not connect | couldn't connect | can't connect | cannot connect |
        wasn't able to establish an smtp connection | no smtp connection | did not accept our requests to connect |
        did not respond | not responding | no answer from host | no response | name service error | name server |
        dns error | dns lookup | dns failure | domain lookup failed | temporary lookup failure | server unavailable |
        unavailable or busy | _tls_ | tls handshake | _ssl_ | starttls
    """),
    "system": phrases("""
        system error | system problem | system not accepting | system is not accepting | internal error |
        internal server error | server error | configuration error | local configuration | local error |
        local delivery failed | command died | command output | couldn't create | read-only file system |
        input/output error | resources temporarily unavailable | service unavailable |
        service currently unavailable | service not available | temporarily unavailable | temporary failure |
        temporary local problem | temporary error | temporarily deferred | temporarily rejected | try again later |
        please try later | transaction failed | processing error | can't open | cannot open | lock failure |
        error while writing | procmail | pipe to | ldap server | not implemented | syntax error | bad sequence |
        unrecognized | command parameter | malformed address
    """),
}

#: A refusal that names no cause; when the server gave it to RCPT, its usual meaning is that there is no such mailbox.
VAGUE_NOUSER = phrases("""
    recipient address rejected | recipient rejected | address rejected | mailbox unavailable |
    mailbox is unavailable | requested action not taken | does not like recipient | recipient refused |
    rcpt to not accepted | invalid recipients | not local
""")

#: Words that turn "no such host" and "user unknown" into something that may pass (RFC 3463 class 4).
PASSING = (
    "not found, try again",
    "try again later",
    "unverified address",
    "temporar",
    "temporär",
    "vorübergehend",
    "malformed or unexpected name server reply",
    "deferred",
)

#: The refusal came after the text of the mail: then it is the mail that was not wanted, whatever the words are.
#: Mobile carriers answer "user unknown" to DATA when a subscriber's own filter refuses the sender.
AFTER_DATA = (
    "end of data",
    "after data",
    "after i sent the message",
    "for text command",
    "to data command",
    "smtp transmission failure",
    ">>> data <<< 5",
)

#: The refusal came before any recipient was named: it is about the sender (RFC 3463 X.1.7, X.1.8).
AFTER_MAIL = ("after mail from", "to mail from command", "sender was rejected", "rejected mail from")
SENDER_CODES = frozenset({"5.1.7", "5.1.8"})

#: Words of a notice that the mail is still being tried (RFC 3464 action `delayed`).
DELAYED = matcher(
    phrases("""
    has not yet been delivered | not yet been delivered | has been delayed | is delayed | message delayed |
    delivery delayed | status notification (delay) | delivery delay | delayed mail | will be retried |
    still being retried | still being tried | will keep trying | will continue to try | will continue to attempt |
    delivery attempts will continue | has been postponed | warning message only | you do not need to resend |
    could not be delivered yet | noch nicht zugestellt | wird verzögert | verzögerung | pas encore été | retardé |
    aún no se ha | retrasado | non è ancora stat | ainda não foi | nog niet | vertraagd | пока не доставлено |
    задержка | まだ配信されて | 遅延 | 暂时无法投递 | 延迟
    """)
)

#: Lines that announce the copy of the original mail; searched in lines stripped of dashes and the like.
ORIGINAL_BEGINS = matcher(
    phrases("""
    below this line is a copy | below the next line is a copy | this is a copy of | a copy of the original message |
    is a copy of the message | is a copy of your message | copy of the message header | enclosed is a copy |
    original message follows | original message headers | original message header | original message below |
    original message as received | original message details | original mail follows |
    headers of the original message | header of the original message | lines of your original message |
    lines of the original message | lines of the message follow | the original message was: |
    message header follows | message headers follow | message text follows | message contents follow |
    returned mail follows | returned message follows | returned message below | unsent message below |
    undelivered message follows | your message reads | your original message | text of your message follows |
    summary of the undelivered message | begin forwarded message | begin returned message | ursprüngliche nachricht |
    originalnachricht | kopfzeilen der ursprünglichen | message d'origine | message original | mensaje original |
    mensagem original | messaggio originale | oorspronkelijk bericht | oryginalna wiadomość | исходное сообщение |
    ниже этой линии | копия сообщения | 元のメッセージ | 以下は元の | 原始邮件 | 邮件原文
    """)
)

#: Local parts that are never the recipient of the mail that a report is about.
NOT_RECIPIENTS = frozenset(
    {"postmaster", "mailer-daemon", "abuse", "hostmaster", "support", "helpdesk", "mailerdaemon"}
)

#: What stands directly before an address that did not get the mail, without punctuation.
RECIPIENT_LABELS = phrases("""
    _recipient | _recipients | _recipient address | _recipient s | _rcpt to | _rcpt | _undeliverable address |
    _undeliverable to | _delivered to | _deliver to | _delivery to | _message to | _error-for | _unknown user |
    _user unknown | _unknown host | _no such user | _mailbox is full | _attempts | _userid | _addressed to |
    _failed address |
    _email address | _generated from | _local mailbox | _empfänger | _empfängeradresse | _destinataire |
    _destinataires | _destinatario | _destinatarios | _destinatari | _destinatário | _destinatários | _ontvanger |
    _geadresseerde | _odbiorca | _mottagare | _modtager | _mottaker | _vastaanottaja | _příjemce | _címzett | _alıcı |
    _получатель | _получателю | _адресат | _адресату | 受信者 | 宛先 | 送信先 | 收件人 | 收件者 | 收件地址 |
    수신자 | 받는 사람
""")

#: What stands directly before an address that is not about the recipient.
SENDER_LABELS = phrases("""
    _from | _sender | _contact | _write to | _mail to | _email to | _mailto | _report to | _reply-to | _return-path |
    _message-id | _envelope-from | _in-reply-to | _references | _von | _от | 发件人 | 送信元
""")

_ANY_REASON = matcher((phrase for table in REASONS.values() for phrase in table), every=True)
_RANK = {phrase: rank for rank, table in enumerate(REASONS.values()) for phrase in table}
# The longest phrase is found; one with which it begins may give a stronger reason.
_STRONGEST = {
    phrase: min(_RANK.get(phrase[:end], rank) for end in range(len(phrase) + 1)) for phrase, rank in _RANK.items()
}


@lru_cache(maxsize=64)  # the same words are said about every recipient of a report
def reason_of(normalised: str) -> str:
    """The strongest reason whose phrase stands in a normalised text, or "" when none does."""
    ranks = [_STRONGEST[match[1]] for match in _ANY_REASON.finditer(normalised)]
    return list(REASONS)[min(ranks)] if ranks else ""
