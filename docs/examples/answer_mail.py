"""Answer one of our mails as a mail program does, through the SMTP door. Standard library only.

    casegate outbox show 3 --raw | python docs/examples/answer_mail.py 127.0.0.1:2525 "Here is a new key: ABC-123"

Reads the mail from standard input and prints what the door said.
"""

import smtplib
import sys
from email import message_from_binary_file, policy
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr

door, words = sys.argv[1:]
mail = message_from_binary_file(sys.stdin.buffer, policy=policy.default)
text = mail.get_body(("plain",)).get_content()  # type: ignore[attr-defined]

answer = EmailMessage(policy=policy.SMTP)
answer["From"] = str(mail["To"])
answer["To"] = str(mail["Reply-To"])
answer["Subject"] = f"Re: {str(mail['Subject']).removeprefix('Re: ')}"
answer["Date"] = formatdate()
answer["Message-ID"] = make_msgid(domain=parseaddr(str(mail["To"]))[1].partition("@")[2])
answer["In-Reply-To"] = str(mail["Message-ID"])
answer["References"] = str(mail["Message-ID"])
quoted = "".join(f"> {line}\n" for line in text.splitlines())
answer.set_content(f"{words}\n\nOn {mail['Date']}, {parseaddr(str(mail['From']))[0]} wrote:\n{quoted}")

host, _, port = door.rpartition(":")
with smtplib.SMTP(host, int(port)) as smtp:
    refused = smtp.send_message(answer)
print(f"refused: {refused}" if refused else f"taken: {answer['To']} has the answer of {answer['From']}")
