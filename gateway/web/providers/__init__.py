"""Ways in beside SMTP: mail providers that hand a mail over by HTTPS (HARDENING rule 23, docs/providers.md).

    provider   what proves the call                          the raw mail        the envelope
    ---------  --------------------------------------------  ------------------  ------------------------------
    Mailgun    HMAC of a timestamp and a single-use token    body-mime           sender, recipient
    SendGrid   ECDSA over timestamp and body, or a secret    email               envelope: from, to
               path, listed networks and TLS
    Postmark   secret path, listed networks and TLS          RawEmail            Return-Path, OriginalRecipient
    SES        RSA signature of SNS, topic of the settings   content of Message  mail.source, receipt.recipients

What a provider found out about a mail (SPF, DKIM, spam) is not believed, nor which client it came from: such a mail
is kept without a client address, so that nothing is computed from one.
"""
