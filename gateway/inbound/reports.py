"""What a mail to one of our bounce addresses says about the mail of ours that it names (HARDENING rule 8).

Each outgoing mail has one recipient and a signed bounce address of its own, so the address that a report came to tells
which mail it is about, and nothing is guessed. What counts is a report about a mail that was handed over at most 14
days ago, and about its recipient: one that names another address, such as that of a mailbox to which he has his mail
forwarded, does not. One that names nobody counts when its words can be read as a failure, since the address that it
came to names him; no address is ever taken for dead because of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.errors import Later
from gateway.inbound.admit import Mailbox, Recipient
from gateway.mail.bounce_texts import DELAYED
from gateway.mail.bounces import Recipient as Reported
from gateway.mail.bounces import judge_refusal, read_report
from gateway.mail.classify import Kind, Verdict
from gateway.mail.complaints import read_complaint
from gateway.mail.parse import ParsedMail
from gateway.mail.phrases import normalise
from gateway.mail.report_words import ReportWords
from gateway.outbound.paths import written
from store import reports
from store.reports import Mailed

COUNTS_FOR = timedelta(days=14)
_ACTIONS = {"failed": "bounced", "delayed": "delayed"}  # RFC 3464 §2.3.3; what else there is, is no trouble
_READ = 2_000  # characters of a report that names nobody


@dataclass(frozen=True, slots=True)
class Heard:
    """What one report says. because: the same for the operator, in a sentence.

    mail: None when it is not known any more. report: delayed, bounced or complained, "" when nothing follows from it.
    text: why, in the reporter's words. dead: whether its recipient's address is dead.
    """

    because: str
    mail: Mailed | None = None
    report: str = ""
    text: str = ""
    dead: bool = False


def hear(
    mail: ParsedMail, verdict: Verdict, recipients: Iterable[Recipient], kept_at: datetime, *, patient: bool = True
) -> tuple[Heard, ...]:
    """Read a report, for each bounce address that it came to. Reads rows, writes none.

    patient: whether to wait for the result of a mail that is being sent; raises Later then. Reports may be so fast.
    """
    handles = {r.handle for r in recipients if r.mailbox is Mailbox.BOUNCE and r.handle is not None}
    if verdict.kind not in (Kind.BOUNCE, Kind.FEEDBACK):
        return ()
    mails = [reports.find(handle) for handle in sorted(handles)]
    if patient and (busy := next((one for one in mails if one and one.state == "claimed"), None)):
        raise Later(f"it is about mail {busy.id}, which is being sent at this moment")
    return tuple(_hear(mail, verdict, about, kept_at) for about in mails)


def _hear(mail: ParsedMail, verdict: Verdict, about: Mailed | None, kept_at: datetime) -> Heard:
    if about is None:
        return Heard("it is about a mail that is not known any more")
    it = f"it is about mail {about.id}"
    if about.sent_at is None or kept_at - about.sent_at > COUNTS_FOR:
        return Heard(f"{it}, which was not handed over in the last {COUNTS_FOR.days} days", about)
    found = _complained(mail, verdict, about) if verdict.kind is Kind.FEEDBACK else _bounced(mail, about)
    return replace(found, because=f"{it}: {found.because}")


def _bounced(mail: ParsedMail, about: Mailed) -> Heard:
    report = read_report(mail)
    if report is None:
        said = _of_nobody(mail)
    else:
        said = next(filter(None, map(report.about, _spellings(about.recipient))), None)
    if said is None:
        because = "it names nobody and gives no reason" if report is None else "it does not name its recipient"
        return Heard(because, about)
    news = _ACTIONS.get(said.action, "")
    text = said.diagnostic if said.status in said.diagnostic else f"{said.status} {said.diagnostic}".rstrip()
    return Heard(f"{news or said.action}, {text}" if text else news or said.action, about, news, text, said.hard)


def _spellings(address: str) -> tuple[str, ...]:
    """An address as the mail bears it, and as its relay was told it: reports name either."""
    said = written(address)
    return (address,) if said is None else (address, said.decode())


def _of_nobody(mail: ParsedMail) -> Reported | None:
    """A report that names no address, when a reason can be read in it."""
    words = ReportWords(mail).text[:_READ]
    said = judge_refusal(words, "")
    if not said.reason:
        return None
    is_delayed = DELAYED.search(normalise(f"{mail.subject}\n{words}"))
    return replace(said, hard=False, action="delayed" if is_delayed else "failed")


def _complained(mail: ParsedMail, verdict: Verdict, about: Mailed) -> Heard:
    complaint = read_complaint(mail)
    reporter = mail.from_[0].address.rpartition("@")[2] if mail.from_ else "an unknown mail system"
    if complaint is None:
        # Some mail systems attach the mail to a sentence, and have no machine-readable part.
        if not any(name == "complaint subject" for name, _ in verdict.signs):
            return Heard("it is no complaint of a person", about)
        return _complaint(f"complaint from {reporter}", about)
    if not any(map(complaint.is_about, _spellings(about.recipient))):
        return Heard("it does not name its recipient", about)
    if not complaint.of_a_person:
        return Heard(f"it is no complaint of a person ({complaint.kind or 'of no type'})", about)
    return _complaint(f"{complaint.kind} report from {reporter}", about)


def _complaint(text: str, about: Mailed) -> Heard:
    return Heard(f"complained, {text}", about, "complained", text)
