"""How a mail stands in its recipient's mail program: the ids that it answers, its subject, Outlook's index, its list.

Programs thread by References and In-Reply-To (RFC 5322 §3.6.4), Gmail by the subject as well, and Outlook by
Thread-Index before all of them.
"""

import hashlib
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from itertools import chain

from gateway.cases.model import Case, Participant, Store
from gateway.outbound import mime

_REFERENCES_BYTES = 1_000  # relays refuse mail whose References grew without end

#: What a received id must look like to be repeated in our headers; two of the longest fit into References.
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,250}")

_FILETIME_BEGAN = datetime(1601, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)  # ten of Outlook's
_PREFIX = re.compile(r"[^\W\d_]{1,3}: (?=\S)")  # MS-OXCMSG §2.2.1.9
_NOT_IN_LABEL = re.compile(r"[^a-z0-9-]+")


def answering(ids: list[str]) -> list[str]:
    """The fields that thread a mail, none without ids. ids: oldest first, the last one is answered."""
    if not ids:
        return []
    return [mime.message_ids("In-Reply-To", ids[-1:]), mime.message_ids("References", ids)]


def thread_ids(person: Participant) -> list[str]:
    """The ids for References, oldest first; the last one is answered: the person's own last mail, else the newest.

    Always holds the first id of the thread; what does not fit into the limit is left out behind it (RFC 5322 §3.6.4).
    """
    first = next((one for one in person.reference_ids if _MESSAGE_ID.fullmatch(one)), "")
    # Each id stands on a line of its own: angle brackets, CRLF and a blank.
    room = _REFERENCES_BYTES - len("References: ") - (len(first) + 5) - 1
    newest: list[str] = []
    for one in chain([person.last_sent_id], reversed(person.reference_ids)):
        if not _MESSAGE_ID.fullmatch(one) or one in newest:
            continue
        room -= len(one) + 5
        if room < 0:
            break
        newest.append(one)
    newest.reverse()
    return newest if not first or first in newest else [first, *newest]


def only_id(one: str) -> list[str]:
    """The ids for a mail that answers one of which nothing else is known."""
    return [one] if _MESSAGE_ID.fullmatch(one) else []


def subject_of(subject: str, *, answers: bool) -> str:
    """The case's subject, with `Re: ` in front of it when the mail continues a thread: programs thread by that too."""
    subject = mime.clean(subject)
    return f"Re: {subject}" if answers and not subject.lower().startswith("re:") else subject


def outlook(case: Case, now: datetime) -> list[str]:
    """Thread-Topic and Thread-Index (MS-OXOMSG §2.2.1.3, §2.2.1.5): the same for all mails of a case, but for its end.

    Thread-Index is base64 of a root of 22 bytes (1, the five bytes below the highest of the FILETIME at which the case
    was opened, 16 bytes that stand for the case) and of five bytes for the mail: how long after the opening it was
    made, in units of 2¹⁸ ticks of 100 ns.
    """
    opened = (case.created_at - _FILETIME_BEGAN) // _TICK * 10
    root = b"\x01" + opened.to_bytes(8, "big")[1:6] + hashlib.sha256(case.id.encode()).digest()[:16]
    later = max(0, (now - case.created_at) // _TICK * 10) >> 18
    block = min(later, 2**31 - 1).to_bytes(4, "big") + b"\0"
    return [
        mime.unstructured("Thread-Topic", _PREFIX.sub("", mime.clean(case.subject), 1)),
        f"Thread-Index: {b64encode(root + block).decode()}",
    ]


def list_of(store: Store, name: str, domain: str) -> str:
    """List-Id (RFC 2919): what those who work for a store sort its mail by. name: as mails show it.

    For them it is a list, and programs that answer by themselves keep silent towards one (RFC 5230 §4.6). A customer
    gets letters about his own case: a ticket system of his would take them for bulk, and his provider would file them
    under promotions. No mail has Precedence: its values say the same of all mail, and belong to no standard.
    """
    label = _NOT_IN_LABEL.sub("-", store.id.lower()).strip("-") or "store"
    return mime.mailbox("List-Id", name, f"{label}.{domain}")


def unsubscribing(address: str) -> list[str]:
    """The fields of one-click unsubscribing (RFC 8058), none without an address."""
    if not address:
        return []
    return [f"List-Unsubscribe:\r\n <{address}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]
