"""Who wrote this mail: a person, or which kind of machine (RFC 3834, RFC 3464, RFC 5965).

Every sign is a row of SIGNALS: the kind that it speaks for, its weight, and a clause for the operator. A kind is
believed from a weight of 100 on; when several are, the first of `_ORDER`. What speaks for a person is taken off: signs
that only programs leave weigh so much that nothing outweighs them, words that people use too never decide alone. In
doubt a mail is a person's: a robot's mail in a case is a nuisance, a customer's lost mail is a lost customer.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gateway.mail.machine_words import (
    ABSENCE_SUBJECTS,
    ABSENCE_TEXTS,
    ANSWER_PREFIXES,
    AUTO_REPLY_SUBJECTS,
    AUTOMATED_TEXTS,
    BOUNCE_SUBJECTS,
    BOUNCE_TEXTS,
    MAIL_ADMINISTRATORS,
    MAIL_SYSTEMS,
    RECEIPT_SUBJECTS,
    ROBOTS,
)
from gateway.mail.parse import ParsedMail
from gateway.mail.phrases import normalise
from gateway.mail.report_words import ReportWords, own_parts

#: Carried by every outgoing mail of ours; its keyed value is checked by the caller.
LOOP_HEADER = "X-Casegate-Loop"

_MAX_RECEIVED = 30
_BELIEVED = 100
_MAX_SUBJECT = 300
_MAX_LINES = 150


class Kind(StrEnum):
    """What a mail is. Only `human` may move a case."""

    HUMAN = "human"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    LIST = "list"
    LOOP = "loop"
    FEEDBACK = "feedback"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Verdict:
    """kind, and one sentence for the operator that names the deciding evidence.

    may_answer: False when no automatic mail may be sent to its author (RFC 3834 §2, X-Auto-Response-Suppress).
    signs: all evidence that was found, as name in `SIGNALS` and what fills its clause.
    """

    kind: Kind
    because: str
    may_answer: bool = True
    signs: tuple[tuple[str, str], ...] = ()

    def evidence(self) -> tuple["Signal", ...]:
        """The signs, each with its weight and its words."""
        return tuple(
            Signal(sign.kind, sign.weight, sign.clause.format(detail[:80]))
            for name, detail in self.signs
            if (sign := SIGNALS[name])
        )


class Signal(NamedTuple):
    """kind: what it speaks for. weight: 100 decides alone. clause: continues "it is … because"."""

    kind: Kind
    weight: int
    clause: str


SIGNALS = {
    # ---- our own mail coming back -----------------------------------------------------------------------------------
    "own loop header": Signal(Kind.LOOP, 200, "it carries our own loop header"),
    "own domain": Signal(Kind.LOOP, 200, "it comes from one of our own addresses ({})"),
    "too many hops": Signal(Kind.LOOP, 200, "it has {} Received lines"),
    # ---- complaints and reports about authentication ----------------------------------------------------------------
    "feedback part": Signal(Kind.FEEDBACK, 200, "it carries a feedback report (RFC 5965)"),
    "aggregate report": Signal(Kind.FEEDBACK, 200, "it is a report about our domain's mail ({})"),
    "complaint subject": Signal(Kind.FEEDBACK, 200, "its subject is that of a complaint with the mail attached"),
    # ---- delivery reports: a machine-readable part decides, otherwise two signs of three (who, subject, text) -------
    "status report": Signal(Kind.BOUNCE, 300, "it is a delivery status report (RFC 3464)"),
    "status part": Signal(Kind.BOUNCE, 60, "it has a delivery status among its parts"),
    "failed recipients": Signal(Kind.BOUNCE, 300, "its X-Failed-Recipients header names {}"),
    "mail system": Signal(Kind.BOUNCE, 150, "it was written by a mail system ({})"),
    "mail administrator": Signal(Kind.BOUNCE, 50, "it comes from {}"),
    "daemon path": Signal(Kind.BOUNCE, 60, "its return path is {}"),
    "no return": Signal(Kind.BOUNCE, 60, "it has the null sender"),
    "administrator returns mail": Signal(Kind.BOUNCE, 20, "a mail administrator's address sends a mail back"),
    "robot returns mail": Signal(Kind.BOUNCE, 50, "a robot sends a mail back ({})"),
    "bounce address": Signal(Kind.BOUNCE, 30, "it came to a bounce address"),
    "report structure": Signal(Kind.BOUNCE, 50, "it is built as a report"),
    "bounce subject": Signal(Kind.BOUNCE, 40, "its subject announces a failed delivery"),
    "bounce text": Signal(Kind.BOUNCE, 50, "its text reports a failed delivery"),
    # ---- answers by programs ----------------------------------------------------------------------------------------
    "auto submitted": Signal(Kind.AUTO_REPLY, 200, "its Auto-Submitted header says {} (RFC 3834)"),
    "auto header": Signal(Kind.AUTO_REPLY, 200, "its header {} marks it as automatic"),
    "auto precedence": Signal(Kind.AUTO_REPLY, 200, "its Precedence header says {}"),
    "null sender": Signal(Kind.AUTO_REPLY, 200, "it has the null sender, which only programs use (RFC 3834)"),
    "read receipt": Signal(Kind.AUTO_REPLY, 200, "it is a read receipt (RFC 8098)"),
    "calendar reply": Signal(
        Kind.AUTO_REPLY, 200, "it is a calendar's answer to an invitation, without words (RFC 5546)"
    ),
    "auto subject": Signal(Kind.AUTO_REPLY, 200, "its subject begins like an automatic reply"),
    "auto subject answered": Signal(Kind.AUTO_REPLY, 100, "its subject contains that of an automatic reply"),
    "absence subject": Signal(Kind.AUTO_REPLY, 60, "its subject speaks of an absence"),
    "absence answer": Signal(Kind.AUTO_REPLY, 80, "its subject speaks of an absence although it answers a mail"),
    "absence text": Signal(Kind.AUTO_REPLY, 30, "its text speaks of an absence"),
    "automated text": Signal(Kind.AUTO_REPLY, 100, "its text calls itself automatic"),
    "receipt subject": Signal(Kind.AUTO_REPLY, 50, "its subject confirms a receipt"),
    "bulk": Signal(Kind.AUTO_REPLY, 110, "its Precedence header says {}"),
    "inbox rule": Signal(Kind.AUTO_REPLY, 100, "an inbox rule sent it and asks for no automatic mail"),
    "robot sender": Signal(Kind.AUTO_REPLY, 30, "nobody reads its sender's address ({})"),
    "no auto mail": Signal(Kind.AUTO_REPLY, 5, "it asks for no automatic mail"),
    # ---- one mail to many -------------------------------------------------------------------------------------------
    "list header": Signal(Kind.LIST, 100, "it comes through a mailing list or in bulk ({})"),
    "to the list": Signal(Kind.LIST, 80, "it is addressed to that list"),
    "list envelope": Signal(Kind.LIST, 80, "its envelope is that of a list ({})"),
    "list robot": Signal(Kind.LIST, 80, "nobody reads its sender's address ({})"),
    # ---- what a filter on the way thought; it errs, so nobody's answer is spam --------------------------------------
    "spam flag": Signal(Kind.SPAM, 100, "a spam filter flagged it ({})"),
    # ---- what speaks for a person -----------------------------------------------------------------------------------
    "answer": Signal(Kind.HUMAN, 40, "it answers a mail"),
    "answer subject": Signal(Kind.HUMAN, 30, "its subject is that of an answer"),
    "reply address": Signal(Kind.HUMAN, 30, "it came to a reply address"),
}

#: Which kind is named when several are believed. A bounce through a list is a bounce; its null sender is no auto-reply.
_ORDER = (Kind.LOOP, Kind.FEEDBACK, Kind.BOUNCE, Kind.AUTO_REPLY, Kind.LIST, Kind.SPAM)

#: Signs of mail that gets no automatic answer even when a person wrote it: none is wanted, or nobody would read it.
_UNANSWERED = frozenset(
    {"no auto mail", "robot sender", "mail system", "mail administrator", "null sender", "list header", "spam flag"}
)

#: Header fields whose presence says that a program wrote the mail, unless their value says no.
_AUTO_HEADERS = frozenset(
    {
        "x-auto-reply",
        "x-autoreply",
        "x-autoreply-from",
        "x-autoreply-domain",
        "x-auto-reply-from",
        "x-mail-autoreply",
        "x-autorespond",
        "x-auto-respond",
        "x-autoresponse",
        "x-auto-response",
        "x-autoresponder",
        "x-auto-responder",
        "x-autoresponder-id",
        "x-autogenerated",
        "x-auto-generated",
        "x-vacation",
        "x-vacation-message",
        "x-fc-machinegenerated",
        "x-cron-env",
        "x-amazon-auto-reply",
        "x-qq-autoreply",
    }
)
_NO = frozenset({"no", "false", "0", "none", "off", ""})

_LIST_HEADERS = ("list-id", "list-post", "list-unsubscribe", "mailing-list", "x-mailing-list", "x-mailinglist")

_EXCHANGE_SOURCE = "x-ms-exchange-generated-message-source"

_REPORTS = {
    "message/feedback-report": "feedback part",
    "message/disposition-notification": "read receipt",
    "message/delivery-status": "status part",
    "message/global-delivery-status": "status part",
    "message/global-disposition-notification": "read receipt",
}

_ANSWER = re.compile(
    r"\s{0,5}(?:\[[^\[\]]{0,60}\]\s{0,5})?([^\s:：\[\]()]{1,12})\s?(?:\[\d{1,3}\]|\(\d{1,3}\))?\s?[:：]"
)
_TAG = re.compile(r"\[[^\[\]]{0,60}\]\s{0,5}")
_LIST_PATH = re.compile(r"(?:^|[-+.])(?:owner|bounces?|admin|request)(?:[-+.=]|$)")
_METHOD_REPLY = re.compile(rb"^METHOD:REPLY\b", re.MULTILINE | re.IGNORECASE)
_SPAM_FLAGS = {"x-spam-flag": "yes", "x-spam-status": "yes", "x-ses-spam-verdict": "fail"}

_Found = tuple[str, str]  # a key of SIGNALS, and what fills its clause


def classify(
    mail: ParsedMail,
    *,
    envelope_from: str | None,
    token: str | None = None,
    loop_headers: frozenset[str] | Callable[[str], bool] = frozenset(),
    own_domains: frozenset[str] = frozenset(),
) -> Verdict:
    """Classify a parsed mail.

    envelope_from: the reverse-path ("" for the null sender, None when unknown).
    token: `reply` or `bounce`, the kind of our signed address that it came to, or None.
    loop_headers: the values of our loop header that are ours, or the check of one value.
    own_domains: domains, in lower case, in which only this gateway writes mail.
    """
    fields = {name.lower(): value for name, value in reversed(mail.headers)}
    reverse_path = _reverse_path(fields, envelope_from)
    words = ReportWords(mail)
    found = [
        *_loops(mail, fields, reverse_path, loop_headers, own_domains),
        *_parts(mail, fields, words),
        *_header_signs(fields),
        *_senders(mail, fields, reverse_path, words),
        *_lists(mail, fields, reverse_path),
        *_subjects(mail),
        *_person(mail, token),
    ]
    found.extend(_texts(words, found))
    kind, because = _decide(found)
    may_answer = kind is Kind.HUMAN and bool(mail.from_) and _UNANSWERED.isdisjoint(name for name, _ in found)
    return Verdict(kind, because, may_answer, tuple(found))


def _decide(found: list[_Found]) -> tuple[Kind, str]:
    """The first kind whose evidence, less what speaks for a person, is believed; and why in one sentence."""
    of_machines = [sign for name, _ in found if (sign := SIGNALS[name]).kind is not Kind.HUMAN]
    if not of_machines:
        return Kind.HUMAN, "Nothing in it speaks for a machine."
    weights = dict.fromkeys((*_ORDER, Kind.HUMAN), 0)
    for name, _ in found:
        weights[SIGNALS[name].kind] += SIGNALS[name].weight
    if {"answer", "reply address"} <= {name for name, _ in found}:
        # Who answers our mail at the address that we gave him is behind a group's address, not a list.
        weights[Kind.LIST] = weights[Kind.SPAM] = 0
    for kind in _ORDER:
        if weights[kind] - weights[Kind.HUMAN] >= _BELIEVED:
            return kind, _sentence(kind, found)
    doubtful = max(of_machines, key=lambda sign: sign.weight).kind
    return Kind.HUMAN, f"{_sentence(doubtful, found)[:-1]}, which is not enough to call it automatic."


def _sentence(kind: Kind, found: list[_Found]) -> str:
    """The two heaviest signs of a kind as a sentence."""
    signs = sorted((s for s in found if SIGNALS[s[0]].kind is kind), key=lambda s: -SIGNALS[s[0]].weight)
    decisive = signs[:1] if SIGNALS[signs[0][0]].weight >= _BELIEVED else signs[:2]
    text = " and ".join(SIGNALS[name].clause.format(detail[:80]) for name, detail in decisive)
    return text[0].upper() + text[1:] + "."


# ---- signs, one family a function ------------------------------------------------------------------------------------


def _loops(
    mail: ParsedMail,
    fields: dict[str, str],
    reverse_path: str | None,
    loop_headers: frozenset[str] | Callable[[str], bool],
    own_domains: frozenset[str],
) -> Iterator[_Found]:
    is_ours = loop_headers if callable(loop_headers) else loop_headers.__contains__
    if LOOP_HEADER.lower() in fields and any(is_ours(value.strip()) for value in mail.header_all(LOOP_HEADER)):
        yield "own loop header", ""
    if len(mail.headers) > _MAX_RECEIVED and (hops := len(mail.header_all("Received"))) > _MAX_RECEIVED:
        yield "too many hops", str(hops)
    if own_domains:
        for address in (*(a.address for a in mail.from_), reverse_path or ""):
            if address.rpartition("@")[2].lower() in own_domains:
                yield "own domain", address
                break


def _parts(mail: ParsedMail, fields: dict[str, str], words: ReportWords) -> Iterator[_Found]:
    """What the mail's own machine-readable parts say; a report carried inside of another mail is not its own."""
    is_report = mail.content_type == "multipart/report"
    signs = {_REPORTS[p.content_type] for p in own_parts(mail) if p.content_type in _REPORTS}
    if is_report and ("status part" in signs or "delivery-status" in fields.get("content-type", "").lower()):
        signs = signs - {"status part"} | {"status report"}
    if not signs and (is_report or "report-type=" in fields.get("content-type", "").lower()):
        signs = {"report structure"}
    for sign in sorted(signs):
        yield sign, ""
    if "tls-report-domain" in fields:
        yield "aggregate report", "TLS, RFC 8460"
    for file in mail.files:
        if file.content_type == "text/calendar":
            if _METHOD_REPLY.search(file.data[:5_000]) and not any(map(str.strip, words.all_lines)):
                yield "calendar reply", ""
        elif file.content_type.startswith("application/tlsrpt"):
            yield "aggregate report", "TLS, RFC 8460"
    subject = mail.subject[:_MAX_SUBJECT].lower()
    if mail.files and "report domain:" in subject and "submitter:" in subject:  # RFC 7489 §7.2.1.1
        yield "aggregate report", "DMARC, RFC 7489"
    if subject.startswith(("complaint about message from", "email feedback report for ip")) and (
        mail.files or mail.reports
    ):
        yield "complaint subject", ""


def _header_signs(fields: dict[str, str]) -> Iterator[_Found]:
    # RFC 3834 §5: anything but "no" was written by a program; parameters or a comment may follow.
    said = fields.get("auto-submitted", "").replace(";", " ").replace("(", " ").lower().split()
    if said and said[0] != "no":
        yield "auto submitted", said[0]
    for name in sorted(_AUTO_HEADERS & fields.keys()):
        if fields[name].strip().lower() not in _NO:
            yield "auto header", name.title()
    precedence = fields.get("precedence", fields.get("x-precedence", "")).strip().lower()
    if "reply" in precedence:
        yield "auto precedence", precedence
    elif precedence in ("bulk", "junk") and not any(name in fields for name in _LIST_HEADERS):
        yield "bulk", precedence
    if (
        "autoresponder" in fields.get("x-post-messageclass", "").lower()
        or "autorespon" in fields.get("delivered-to", "").lower()
    ):
        yield "auto header", "Delivered-To" if "delivered-to" in fields else "X-Post-Messageclass"
    if _suppresses_auto_replies(fields):
        yield "no auto mail", ""
        # Rules also hand on what people wrote; then the headers of those remain, which hardly ever hold both.
        if "x-ms-exchange-inbox-rules-loop" in fields or "rules agent" in fields.get(_EXCHANGE_SOURCE, "").lower():
            yield "inbox rule", ""
    yield from _spam(fields)


def _spam(fields: dict[str, str]) -> Iterator[_Found]:
    for name, flagged in _SPAM_FLAGS.items():
        if fields.get(name, "").strip().lower().startswith(flagged):
            yield "spam flag", name.title()
            return


def _senders(
    mail: ParsedMail, fields: dict[str, str], reverse_path: str | None, words: ReportWords
) -> Iterator[_Found]:
    if failed := fields.get("x-failed-recipients"):
        yield "failed recipients", failed
    if reverse_path == "":
        yield "no return", ""
        yield "null sender", ""
    sender = fields.get("from", "")[:_MAX_SUBJECT].lower()
    if MAIL_SYSTEMS.search(sender):
        yield "mail system", sender
    elif MAIL_ADMINISTRATORS.search(sender):
        yield "mail administrator", sender
        if words.returns_mail():
            yield "administrator returns mail", ""
    if reverse_path and reverse_path.lower().startswith(("mailer-daemon", "double-bounce@")):
        yield "daemon path", reverse_path
    if _is_robot(mail):
        yield "robot sender", mail.from_[0].address
        if words.returns_mail():
            yield "robot returns mail", mail.from_[0].address


def _lists(mail: ParsedMail, fields: dict[str, str], reverse_path: str | None) -> Iterator[_Found]:
    """RFC 2919, RFC 2369. A group address that hands mail on to us leaves the same headers, but is not written to."""
    header = next((name for name in _LIST_HEADERS if name in fields), None)
    precedence = fields.get("precedence", "").strip().lower()
    if not header and precedence not in ("list", "bulk", "junk"):
        return
    yield "list header", header.title() if header else f"Precedence: {precedence}"
    if _is_robot(mail):
        yield "list robot", mail.from_[0].address
    if header != "list-unsubscribe":  # which customer-relation programs put under everything
        sender = mail.sender.address.lower() if mail.sender else ""
        for path in ((reverse_path or "").lower(), sender):
            if _LIST_PATH.search(path.partition("@")[0]):
                yield "list envelope", path
                break
    named = " ".join(fields.get(name, "") for name in ("list-id", "list-post", "mailing-list")).lower()
    for address in (*mail.to, *mail.cc):
        local, _, domain = address.address.lower().partition("@")
        # RFC 2919 §2: the List-Id of list@example.org is usually <list.example.org>.
        if local and (f"{local}@{domain}" in named or f"<{local}.{domain}>" in named):
            yield "to the list", ""
            return


def _subjects(mail: ParsedMail) -> Iterator[_Found]:
    subject = normalise(mail.subject[:_MAX_SUBJECT]).lstrip("[(*【（「 ")
    answers = bool(mail.in_reply_to or mail.references)
    prefix = _ANSWER.match(subject)
    if prefix and prefix[1] in ANSWER_PREFIXES:
        yield "answer subject", ""
        # An answer without ids was made by a program that has only the subject to go by.
        if not answers and _begins_with(_TAG.sub("", subject[prefix.end() :]).strip(), AUTO_REPLY_SUBJECTS):
            yield "auto subject answered", ""
        return
    if _begins_with(subject, AUTO_REPLY_SUBJECTS):
        yield "auto subject", ""
    elif _begins_with(subject, ABSENCE_SUBJECTS, colon=True):
        yield "absence subject", ""
        if answers:
            yield "absence answer", ""
    if BOUNCE_SUBJECTS.search(subject):
        yield "bounce subject", ""
    if RECEIPT_SUBJECTS.search(subject):
        yield "receipt subject", ""


def _texts(words: ReportWords, found: list[_Found]) -> Iterator[_Found]:
    """What the text says, if something else is suspicious: words never speak alone, so most mail is not read at all."""
    names = {name for name, _ in found}
    kinds = {SIGNALS[name].kind for name in names} & {Kind.BOUNCE, Kind.AUTO_REPLY}
    if not kinds:
        return
    lines = (line.strip() for line in words.all_lines[:_MAX_LINES])
    text = "\n".join(normalise(line) for line in lines if line and line[0] != ">")
    # People complain about undelivered parcels; only mail systems list addresses or send back what they got.
    if (
        Kind.BOUNCE in kinds
        and BOUNCE_TEXTS.search(text.replace("\n", " "), 0, 2_000)
        and ("mail system" in names or words.names_recipients() or words.returns_mail())
    ):
        yield "bounce text", ""
    if Kind.AUTO_REPLY in kinds:
        ends = text if len(text) < 1_200 else f"{text[:800]}\n{text[-400:]}"
        if ABSENCE_TEXTS.search(ends):
            yield "absence text", ""
        if AUTOMATED_TEXTS.search(ends):
            yield "automated text", ""


def _person(mail: ParsedMail, address_kind: str | None) -> Iterator[_Found]:
    if mail.in_reply_to or mail.references:
        yield "answer", ""
    if address_kind == "reply":
        yield "reply address", ""
    elif address_kind == "bounce":
        yield "bounce address", ""


# ---- small questions -------------------------------------------------------------------------------------------------


def _begins_with(subject: str, phrases: tuple[str, ...], *, colon: bool = False) -> bool:
    """Whether a subject is one of the phrases, or begins with it before a colon (or dash, bracket, answer prefix)."""
    if not subject.startswith(phrases):  # as a rule
        return False
    for phrase in phrases:
        if subject.startswith(phrase):
            rest = subject[len(phrase) :].lstrip()
            if rest[:1] in (":", "："):
                return True
            if not colon and (
                not rest or rest[0] in "-–—)]([（）【】」" or rest.startswith(("re:", "aw:", "to:", "from:"))
            ):
                return True
    return False


def _is_robot(mail: ParsedMail) -> bool:
    return bool(mail.from_) and _is_robots(mail.from_[0].address)


def _is_robots(address: str) -> bool:
    return address.partition("@")[0].lower().partition("+")[0].partition(".")[0] in ROBOTS


def is_machines(address: str) -> bool:
    """Whether a machine has an address, as far as it tells: nobody reads no-reply@, mailer-daemon@ or postmaster@."""
    written = address.lower()[:_MAX_SUBJECT]
    return _is_robots(written) or bool(MAIL_SYSTEMS.search(written) or MAIL_ADMINISTRATORS.search(written))


def _suppresses_auto_replies(fields: dict[str, str]) -> bool:
    """MS-OXCMAIL §2.2.3.2.14: a list of what the sender does not want; DR, NDR, RN and NRN are no auto-replies."""
    values = fields.get("x-auto-response-suppress", "").lower().replace(";", " ").replace(",", " ").split()
    return not {"all", "oof", "autoreply"}.isdisjoint(values)


def _reverse_path(fields: dict[str, str], envelope_from: str | None) -> str | None:
    """The reverse-path without angle brackets: from the envelope, else from Return-Path (RFC 5321 §4.4)."""
    if envelope_from is not None:
        return envelope_from.strip().strip("<>").strip()
    path = fields.get("return-path", "").strip()
    return path.strip("<>").strip() if path else None
