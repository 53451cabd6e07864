"""What mail systems write back about a mail of ours, each in its own manner. All words are made up for the tests."""

from tests.sink import Mail

DEAD = "550 5.1.1 There is no mailbox of this name here"
FULL = "452 4.2.2 The mailbox is full"


def _mail(head: str, body: str) -> bytes:
    return f"{head.strip()}\n\n{body.strip()}\n".replace("\n", "\r\n").encode()


def _returned(mail: Mail) -> str:
    """The header of our mail, as reports give it back."""
    return mail.raw.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")


def postfix(
    mail: Mail, said: str = DEAD, *, action: str = "failed", status: str = "5.1.1", recipient: str = ""
) -> bytes:
    """With a machine-readable part (RFC 3464), from an MTA that tried."""
    recipient = recipient or mail.recipient
    late = action == "delayed"
    subject = "Mail that is still waiting" if late else "Mail that came back"
    opening = "could not be delivered for 4 hours; it will be tried again" if late else "could not be delivered"
    return _mail(
        f"""
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: {mail.envelope_from}
Subject: {"Delayed Mail (still being retried)" if late else "Undelivered Mail Returned to Sender"}
Date: Mon, 4 May 2026 09:31:07 +0000
Auto-Submitted: auto-replied
Message-ID: <20260504093107.{action}@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"
""",
        f"""
--=_report
Content-Type: text/plain; charset=us-ascii

{subject}. Your message {opening} to one recipient.

<{recipient}>: host mx.example.net[192.0.2.7] said: {said} (in reply to RCPT TO command)

--=_report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Mon, 4 May 2026 09:30:02 +0000

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; {said}

--=_report
Content-Type: text/rfc822-headers

{_returned(mail)}

--=_report--
""",
    )


def exchange(mail: Mail) -> bytes:
    """Words only, in the manner of a server in a company: no machine-readable part."""
    return _mail(
        f"""
From: Microsoft Outlook <postmaster@corp.example.net>
To: {mail.envelope_from}
Subject: Undeliverable: {mail.header("Subject")}
Date: Mon, 4 May 2026 09:31:07 +0000
Message-ID: <exchange@corp.example.net>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
""",
        f"""
Delivery has failed to these recipients or groups:

{mail.recipient}
The e-mail address you entered couldn't be found. Please check the recipient's e-mail address and try to resend
the message.

Diagnostic information for administrators:

Generating server: ex01.corp.example.net

{mail.recipient}
#550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup ##

Original message headers:

{_returned(mail)}
""",
    )


def gmail(mail: Mail) -> bytes:
    """X-Failed-Recipients and words."""
    return _mail(
        f"""
From: Mail Delivery Subsystem <mailer-daemon@mail.example.com>
To: {mail.envelope_from}
Subject: Delivery Status Notification (Failure)
Date: Mon, 4 May 2026 09:31:07 +0000
Auto-Submitted: auto-replied
X-Failed-Recipients: {mail.recipient}
Message-ID: <gmail@mail.example.com>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
""",
        f"""
** Address not found **

Your message wasn't delivered to {mail.recipient} because the address couldn't be found, or is unable to receive mail.

The response from the remote server was:
550 5.1.1 The email account that you tried to reach does not exist.
""",
    )


def nameless(mail: Mail) -> bytes:
    """A failure that names nobody."""
    return _mail(
        f"""
From: Mail Delivery System <MAILER-DAEMON@old.example.net>
To: {mail.envelope_from}
Subject: Returned mail: failure notice
Date: Mon, 4 May 2026 09:31:07 +0000
Message-ID: <nameless@old.example.net>
""",
        """
Your message could not be delivered, because of this: user unknown.
""",
    )


def complaint(mail: Mail, kind: str = "abuse", recipient: str = "") -> bytes:
    """A feedback report (RFC 5965). It names nobody, as most, unless a recipient is given."""
    named = f"Original-Rcpt-To: <{recipient}>\n" if recipient else ""
    return _mail(
        f"""
From: Abuse Desk <feedback@mailbox.example.net>
To: {mail.envelope_from}
Subject: FW: {mail.header("Subject")}
Date: Mon, 4 May 2026 12:00:00 +0000
Message-ID: <{kind}@mailbox.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="=_report"
""",
        f"""
--=_report
Content-Type: text/plain; charset=us-ascii

One of our users has marked this mail as unwanted.

--=_report
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Mailbox-Feedback/1.0
Version: 1
{named}Arrival-Date: Mon, 4 May 2026 09:30:02 +0000

--=_report
Content-Type: message/rfc822

{_returned(mail)}

(The words of the mail.)

--=_report--
""",
    )


def absence(mail: Mail) -> bytes:
    """An out-of-office answer that went to the envelope sender (RFC 3834 §4)."""
    return _mail(
        f"""
From: Tom Reed <{mail.recipient}>
To: {mail.envelope_from}
Subject: Out of office: {mail.header("Subject")}
Auto-Submitted: auto-replied
Date: Mon, 4 May 2026 09:31:07 +0000
Message-ID: <absence@customer.example.org>
""",
        "I am away until Monday.",
    )


def words(mail: Mail) -> bytes:
    """A person who writes to the bounce address."""
    return _mail(
        f"""
From: Tom Reed <{mail.recipient}>
To: {mail.envelope_from}
Subject: {mail.header("Subject")}
Date: Mon, 4 May 2026 09:31:07 +0000
Message-ID: <words@customer.example.org>
""",
        "Why do you not answer? I wait for my lid.",
    )
