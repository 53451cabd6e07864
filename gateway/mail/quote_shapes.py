"""What one line, or a few joined lines, of a mail look like: announcement, carried header, divider, footer.

Every question here looks at no more than `LOOK` characters, whatever the input.
"""

import re
from typing import Final, NamedTuple

from gateway.mail.quote_words import (
    CALENDAR,
    CALENDAR_FRAGMENTS,
    CONFIDENTIAL_STEMS,
    DEVICES,
    FOOTER_STARTS,
    FORWARD_STEMS,
    HEADER_LABELS,
    MOBILE_ENDS,
    MOBILE_STARTS,
    ORIGINAL_STEMS,
    RECIPIENT_STEMS,
    START_FRAGMENTS,
    START_PHRASES,
    STARTS,
    VERB_FRAGMENTS,
    VERBS,
)

#: Characters of a line that rules look at: both ends of a longer one.
LOOK: Final = 400

# Bidirectional marks, zero-width characters and soft hyphens stand inside words that rules compare; ᐧ is left behind
# by mail trackers.
_INVISIBLE = dict.fromkeys(
    [
        0xAD,
        0x200B,
        0x200C,
        0x200D,
        0x200E,
        0x200F,
        0x2060,
        0x1427,
        0xFEFF,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    ]
) | {0xA0: " ", 0x202F: " ", 0x2007: " ", 0x3000: " "}

_WORD = re.compile(r"[^\W\d_]+")
# Not the four numbers of an IP address.
_NUMERIC_DATE = re.compile(
    r"(?<![\d.])\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?!\.?\d)|(?<!\d)(?:19|20|25)\d{2}(?!\d)|\d{1,2}[:.]\d{2}"
)
_DIGIT = re.compile(r"\d")
_CLOCK = re.compile(r"\d{1,2}(?:[:h]|\.(?=\d\d(?:\D|$)))\d{2}|GMT|UTC|[ap]\.?m\.?\b", re.I)
_ADDRESS = re.compile(r"[^\s@<>]{1,80}@[^\s@<>]{2,100}|<mailto:")
_COUNTED_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_LABELLED = re.compile(r"[*_\s|]{0,4}([^\W\d_][^:：\n]{0,30}?)[*_\s]{0,4}[:：]")
_HEAD_END = re.compile(r"[<(\d]|\S+@")
# "*On Monday, Ann wrote:*" was bold; "* item" and "***" were not.
_EMPHASIS = re.compile(r"^\*{1,2}(?=[^\s*])|(?<=[^\s*])\*{1,2}$")
_BRACKETED = re.compile(r"<(?:mailto:)?[^\s@<>]{1,80}@[^\s@<>]{2,100}")
_INNER_LABEL = re.compile(r"\s([^\W\d_]{2,15}):\s")
_MARKUP = re.compile(r"[<>()\[\]*_]")
_CAPITAL = re.compile(r"(?<![^\W_])[^\W\d_]{1,9}(?![^\W_])")
_REPLY_SUBJECT = re.compile(r"[*_\s]{0,4}[^\W\d_][^:：\n]{0,30}[:：][*_\s]{0,4}[^\W\d_]{1,5}[:：]")
_DIVIDER = re.compile(
    r"[*\s]{0,3}([-_=—–~])\1{1,}[-_=—–~\s]{0,80}([^\W_][^\n]{0,80}?)[\s:：]{0,3}[-_=—–~]{2,}[*\s]{0,3}$"
)
_RULE = re.compile(r"[-_=—–*~#+]{2,}$|(?:[-_=*~] ){3,}[-_=*~]?$|—$|–$")


_FIRST_PERSON = frozenset(["i", "we", "ich", "wir", "nous", "j", "yo", "ik", "wij", "jag", "jeg", "minä", "я", "мы"])

# A divider of the right shape needs to say no more than "message".
_MESSAGE = (
    *("message", "nachricht", "mensaje", "messaggio", "mensagem", "bericht", "meddel", "melding", "besked", "mesaj"),
    *("wiadomość", "zpráva", "správa", "üzenet", "ileti", "сообщени", "повідомленн", "съобщени", "μήνυμα"),
    *("הודעה", "رسالة", "邮件", "郵件", "メッセージ", "메시지", "메일"),
)


def plain(line: str) -> str:
    """The line as rules compare it: bounded, without invisible characters and outer space."""
    if not line:
        return ""
    if "&nbsp;" in line:
        line = line.replace("&nbsp;", " ")  # QQ writes it into plain text
    if len(line) > LOOK:
        line = f"{line[: LOOK // 2]} {line[-LOOK // 2 :]}"
    line = line.strip() if line.isascii() else line.translate(_INVISIBLE).strip()
    return _EMPHASIS.sub("", line) if line and (line[0] == "*" or line[-1] == "*") else line


class Evidence(NamedTuple):
    """What speaks for an announcement ("On <date>, <person> wrote:"), or against it.

    personal: it has an "I", which programs never say. length: in words.
    """

    date: bool
    clock: bool
    verb: bool
    address: bool
    personal: bool
    length: int

    @property
    def weight(self) -> int:
        """How many kinds of evidence there are, 0…3."""
        return self.date + self.verb + self.address


def evidence(span: str) -> Evidence:
    """Weigh a line, or some lines joined by spaces."""
    lowered = lower(span)
    words = _WORD.findall(lowered)
    date, verb = bool(_NUMERIC_DATE.search(span)), not VERBS.isdisjoint(words)
    if not date and _DIGIT.search(span):
        date = not CALENDAR.isdisjoint(words) or (not span.isascii() and _holds(span, CALENDAR_FRAGMENTS))
    if not verb and not span.isascii():
        verb = _holds(lowered, VERB_FRAGMENTS)
    return Evidence(
        date,
        bool(_CLOCK.search(span)),
        verb,
        bool(_ADDRESS.search(span)),
        not _FIRST_PERSON.isdisjoint(words),
        len(words),
    )


def lower(text: str) -> str:
    """Lower case as the tables have it: the Turkish capital İ would become two characters."""
    return text.lower().replace("i\u0307", "i")


def _holds(span: str, fragments: tuple[str, ...]) -> bool:
    return any(fragment in span for fragment in fragments)


def opens(line: str) -> bool:
    """Whether an announcement may begin with this line: with a date, or with "On" and a date close by."""
    line = line.lstrip("-–— *_[(>")
    if lower(line[:30]).startswith(START_PHRASES):
        return bool(_DIGIT.search(line[:60]))
    if line.startswith(START_FRAGMENTS) or (not line.isascii() and _holds(line[:8], CALENDAR_FRAGMENTS)):
        return bool(_DIGIT.search(line[:40]))
    return bool(_NUMERIC_DATE.match(line)) or starts_with_date(line)


def starts_with_date(line: str) -> bool:
    """Whether the line begins with a date in words, perhaps after a word of `STARTS`."""
    words = lower(line[:60]).replace(",", " ").split()[:4]
    if len(words) < 2:
        return False
    first = words[0].strip(".'’")
    if first not in STARTS and first not in CALENDAR and not first.isdecimal():
        return False
    return any(word[0].isdigit() or word.strip(".()") in CALENDAR for word in words[1:])


def begins_well(span: str) -> bool:
    """Whether the lines begin as a program begins an announcement: with a date, or with a person."""
    return opens(span) or is_name(_HEAD_END.split(span, maxsplit=1)[0])


def begins_with_person(line: str) -> bool:
    """Whether the line begins with up to six words and a bracketed address: no name is too odd for that."""
    match = _BRACKETED.search(line)
    return match is not None and len(line[: match.start()].split()) <= 6


def is_name(words: str) -> bool:
    """Whether the words read like a name: most of them capitalised, or of a script without capitals."""
    parts = []
    for part in _WORD.findall(words[:80]):
        if lower(part) in VERBS or lower(part) in CALENDAR:
            break
        parts.append(part)
    return len(parts) <= 6 and 2 * sum(not part[0].islower() for part in parts) >= len(parts)


def is_announcement(span: str, found: Evidence, *, signed: bool) -> bool:
    """Whether the lines announce a quotation. signed: the next words carry quote signs."""
    if found.length > 45 or len(span) > LOOK or found.personal:
        return False
    if span.endswith((":", "：")):
        if found.date and found.clock and _BRACKETED.search(span):  # in any language
            return found.verb or (found.length <= 20 and (begins_well(span) or begins_with_person(span)))
        return _announces_signed(span, found) if signed else begins_well(span) and _announces(span, found)
    if span.startswith("--") and span.endswith("--"):
        return found.verb and found.date
    if span.startswith(">>>"):
        return found.date and span.endswith(">>>")
    if signed and found.verb and found.date and opens(span):
        return found.length <= 20
    # "2016-03-03 17:21 GMT+01:00 Some One" and "2013/7/20 Some One <one@example.org>" of older Gmail.
    return (
        bool(_COUNTED_DATE.match(span))
        and found.length <= 14
        and (span.endswith(">") or ("GMT" in span and found.clock))
    )


def _announces_signed(span: str, found: Evidence) -> bool:
    """With quote signs below, less is asked; a language that we do not know then has its announcements too."""
    if found.weight >= 2 and (found.address or found.clock):
        return found.length <= 30
    return begins_well(span) and (found.weight >= 2 or (found.weight == 1 and found.length <= 16))


def _announces(span: str, found: Evidence) -> bool:
    if found.verb and found.date:
        return found.address or (found.clock and found.length <= 24) or (opens(span) and found.length <= 14)
    return found.address and (found.length <= 12 if found.verb else found.date and opens(span))


def header_kind(line: str) -> str | None:
    """The kind of a carried header line ("From: …" in any language), else None."""
    if ":" not in line[:40] and "：" not in line[:40]:
        return None
    match = _LABELLED.match(line)
    if not match:
        return None
    label = lower(match[1].strip(" *_"))
    return HEADER_LABELS.get(label) or HEADER_LABELS.get(label.replace(" ", ""))  # "主 题" is spaced out by some


def has_reply_subject(line: str) -> bool:
    """Whether the line is "Something: Re: more"; every language has a prefix of its own for answers."""
    return bool(_REPLY_SUBJECT.match(line))


def is_labelled(line: str) -> bool:
    """Whether the line is "Something: more", in any language."""
    return bool(_LABELLED.match(line))


def inner_kinds(line: str) -> list[str]:
    """The kinds of further labels in the same line: "From: ann@example.org Sent: Monday"."""
    return [kind for label in _INNER_LABEL.findall(line) if (kind := HEADER_LABELS.get(label.lower()))]


def words_before(line: str, span: str) -> str:
    """The words of the writer that share the first line of an announcement, "" when there are none.

    span: the announcement with that line. What remains must be an announcement that names date, person and verb.
    """
    if opens(line):
        return ""
    for match in _CAPITAL.finditer(line):
        at = match.start()
        if at and match[0][0].isupper() and match[0].lower() in STARTS and starts_with_date(line[at:]):
            found = evidence(span[at:])
            if found.weight == 3 and found.clock:
                return line[:at].rstrip().rstrip("-—_").rstrip()
    return ""


def divider_words(line: str) -> str | None:
    """The words between two rows of dashes, in lower case; None when the line is no such thing."""
    match = _DIVIDER.match(line) if line[0] in "-_=—–~* " else None
    return lower(match[2]) if match else None


def says_forwarded(words: str) -> bool:
    """Whether the words (lower case) name a forwarded message."""
    return any(stem in words for stem in FORWARD_STEMS)


def says_original(words: str) -> bool:
    """Whether the words (lower case) name an original message."""
    return len(words) <= 50 and any(stem in words for stem in (*ORIGINAL_STEMS, *_MESSAGE))


def names_original(line: str) -> bool:
    """Whether the line is "Original Message" without dashes around it."""
    return 2 <= len(line.split()) <= 3 and lower(line).startswith(ORIGINAL_STEMS) and line[-1] not in ".!?,"


def is_forward_line(line: str) -> bool:
    """Whether the line is "Begin forwarded message:"."""
    return len(line) <= 60 and line.endswith((":", "：")) and len(line.split()) <= 6 and says_forwarded(lower(line))


def is_rule(line: str) -> bool:
    """Whether the line is nothing but dashes or the like."""
    return bool(line) and line[-1] in "-_=—–*~#+ " and bool(_RULE.match(line[:200]))


def is_mobile_footer(line: str) -> bool:
    """Whether the line is "Sent from my phone"."""
    if len(line) > 140:
        return False
    lowered = _MARKUP.sub("", lower(line[:LOOK])).strip()
    if "outlook" in lowered and ("ios" in lowered or "android" in lowered) and lowered[-1] not in ".!?":
        return len(lowered.split()) <= 8  # "Get Outlook for iOS", in any language
    if not (lowered.startswith(MOBILE_STARTS) or lowered.rstrip(" .").endswith(MOBILE_ENDS)):
        return False
    if len(lowered.split()) > 16:
        return False
    return any(device in lowered for device in DEVICES) or lowered.startswith("sent from my ")


def names_device(line: str) -> bool:
    """Whether a few words name a phone or a mail program: "Ann from mobile"."""
    return len(line.split()) <= 5 and any(device in line[:80].lower() for device in DEVICES)


def is_footer(line: str) -> bool:
    """Whether the line begins as a company, a list or a virus scanner begins what it adds."""
    return lower(line[:80]).lstrip(" *_[").startswith(FOOTER_STARTS)


def is_notice(paragraph: str) -> bool:
    """Whether the paragraph is a legal notice: about something confidential, and about whom it is for."""
    lowered = lower(paragraph[: 4 * LOOK])
    return (
        len(lowered) >= 60
        and any(stem in lowered for stem in CONFIDENTIAL_STEMS)
        and any(stem in lowered for stem in RECIPIENT_STEMS)
    )
