"""The whole way of one mail in the open: every stage with what it found, what would be posted, held and sent.

Nothing is written. The document holds plain values, for people and programs alike.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from gateway.cases import brakes
from gateway.cases.limits import REST_FILENAME, split_text
from gateway.cases.model import Draft
from gateway.cases.notices import Notice, NotPosted, Template
from gateway.desk import Desk
from gateway.errors import Refused, TooLate
from gateway.inbound.answer import Answers, coming_too_late, keeping_back, refusing
from gateway.inbound.keep import recipients_from_json
from gateway.inbound.process import mail_key, too_late
from gateway.inbound.recognise import Decision
from gateway.inbound.reports import Heard
from gateway.inbound.understand import Posting, Understander, Understanding
from gateway.mail.parse import ParsedMail
from store import idempotency
from store.inbox import Kept, Outcome

Document = dict[str, Any]


class Explainer:
    """Explains mails, kept ones and others."""

    def __init__(self, understander: Understander, desk: Desk, answers: Answers, now: Callable[[], datetime]) -> None:
        self._understander = understander
        self._desk = desk
        self._answers = answers
        self._now = now

    def explain(self, kept: Kept, raw: bytes) -> Document:
        """Everything about one mail. Raises StillAsking while the DNS of its sender is asked, and Killed."""
        found = self._understander.understand(kept, raw, patient=False, in_full=True)
        return {
            "envelope": {
                "from": kept.mail_from,
                "to": [
                    {"address": r.address, "mailbox": r.mailbox.value} for r in recipients_from_json(kept.recipients)
                ],
                "client": kept.client,
                "helo": kept.helo,
                "bytes": len(raw),
            },
            "parse": _parsed(found.mail),
            "classify": {
                "kind": found.verdict.kind.value,
                "because": found.verdict.because,
                "mayBeAnswered": found.verdict.may_answer,
                "signs": [
                    {"for": sign.kind.value, "weight": sign.weight, "because": sign.clause}
                    for sign in found.verdict.evidence()
                ],
            },
            "authenticate": _authentication(found),
            "cut": _cut(found),
            "files": _files(found),
            "reports": [_heard(one) for one in found.heard],
            "cases": [self._decided(kept, found, decision, raw) for decision in found.decisions],
            "answer": self._answer(kept, found, None, "") if found.for_a_stranger else None,
        }

    def _answer(self, kept: Kept, found: Understanding, notice: Notice | None, why: str) -> Document:
        """What its sender is told, and why not when he is not."""
        template = Template.NO_CASE if notice is None else notice.template
        return {"template": template.value, "why": why, "notSent": self._answers.objection(kept, found, notice)}

    def _decided(self, kept: Kept, found: Understanding, decision: Decision, raw: bytes) -> Document:
        """What the mail comes to in one case."""
        contact = decision.contact
        document: Document = {"outcome": decision.outcome.value, "because": decision.because}
        if contact is not None:
            document |= {
                "case": contact.person.case_id,
                "subject": contact.subject,
                "status": contact.status.value,
                "as": {"role": contact.person.role.value, "address": contact.person.address},
                "strictStore": contact.strict,
            }
        if decision.pace is not None:
            document["pace"] = {
                "postsThisHour": decision.pace.posts,
                "postsAllowed": brakes.POSTS_AN_HOUR,
                "turnsWithinAMinute": decision.pace.turns,
                "turnsAllowed": brakes.TURNS - 1,
            }
        if decision.told is not None and contact is not None:
            notice = refusing(found, contact, decision.told)
            document["answer"] = self._answer(kept, found, notice, decision.told.value)
        if decision.alarm:
            document["alarm"] = decision.alarm
        if contact is not None and found.words is not None and decision.outcome is Outcome.HELD:
            document["wouldPost"] = _draft(self._understander.draft(found.mail, found.words, contact))
        for posting in found.postings:
            if posting.contact is contact:
                document |= self._posting(kept, found, posting, raw)
        return document

    def _posting(self, kept: Kept, found: Understanding, posting: Posting, raw: bytes) -> Document:
        """What is posted, and what that comes to."""
        draft, person = posting.draft, posting.contact.person
        document: Document = {"via": posting.via, "unverified": posting.unverified, "posts": _draft(draft)}
        if idempotency.find(mail_key(person, found.mail, draft, raw), self._now()) is not None:
            return {**document, "outcome": Outcome.DUPLICATE.value, "because": "the same mail was posted before"}
        try:
            status, told = self._desk.preview_reply(person.case_id, posting.actor, draft)
        except TooLate:
            decision = too_late(found, posting)
            held = {"outcome": decision.outcome.value, "because": decision.because, "wouldPost": document.pop("posts")}
            answer = (
                {}
                if posting.via
                else {"answer": self._answer(kept, found, coming_too_late(found, posting), NotPosted.TOO_LATE.value)}
            )
            return document | held | answer
        except Refused as error:
            return {**document, "outcome": Outcome.REFUSED.value, "because": error.text}
        if (notice := keeping_back(found, posting)) is not None:
            document["answer"] = self._answer(kept, found, notice, "something is kept back")
        return {**document, "statusThen": status.value, "sends": _notices(told)}


def _parsed(mail: ParsedMail) -> Document:
    return {
        "messageId": mail.message_id,
        "from": [address.address for address in mail.from_],
        "subject": mail.subject,
        "date": mail.date.isoformat() if mail.date else None,
        "answers": list(mail.in_reply_to),
        "references": len(mail.references),
        "textCharacters": None if mail.text is None else len(mail.text),
        "htmlCharacters": None if mail.html is None else len(mail.html),
        "files": [{"name": f.filename, "declaredType": f.content_type, "bytes": len(f.data)} for f in mail.files],
        "reports": [part.content_type for part in mail.reports],
        "defects": list(mail.defects),
        "tooComplex": mail.too_complex,
    }


def _heard(heard: Heard) -> Document:
    about = heard.mail
    return {
        "mail": about.id if about else None,
        "recipient": about.recipient if about else None,
        "report": heard.report or None,
        "text": heard.text,
        "addressIsDead": heard.dead,
        "because": heard.because,
    }


def _authentication(found: Understanding) -> Document | None:
    known = found.authentication
    if known is None:
        return None
    return {
        "verdict": known.verdict.value,
        "because": known.because,
        "domain": known.domain,
        "reservedDomain": known.reserved,
        "client": known.client,
        "checks": [
            {"method": one.method, "result": one.result, "because": one.because, **dict(one.properties)}
            for one in known.results
        ],
        "signedRecipients": sorted(known.signed_recipients),
    }


def _cut(found: Understanding) -> Document | None:
    if found.words is None:
        return None
    reply = found.words.reply
    return {
        "how": reply.how,
        "newCharacters": len(reply.new),
        "quotedCharacters": len(reply.quoted),
        "new": reply.new,
        "quoted": reply.quoted,
    }


def _files(found: Understanding) -> Document | None:
    if found.words is None:
        return None
    return {
        "taken": [{"name": f.filename, "type": f.mime_type, "bytes": len(f.data)} for f in found.words.picked.files],
        "setAside": [
            {"name": s.filename, "why": s.why.value, "because": s.reason} for s in found.words.picked.set_aside
        ],
    }


def _draft(draft: Draft) -> Document:
    parts, rest = split_text(draft.body)
    files = [file.filename for file in draft.files]
    return {"messages": list(parts), "files": [*files, REST_FILENAME] if rest else files}


def _notices(told: Iterable[Notice]) -> list[Document]:
    return [{"template": n.template.value, "to": n.to.address, "role": n.to.role.value} for n in told]
