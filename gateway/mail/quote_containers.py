"""The marks that mail programs leave in HTML around what they quote: one table, read by the tree walker."""

import re
from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What an element means for cutting.

    quote: its content is quoted. lead: its text before the first quote announces that quote. intro: its content is
    the announcement. rest: from here on everything is quoted. forward: from here on a forwarded mail.
    signature: its content is a signature. rule: a horizontal line.
    """

    QUOTE = "quote"
    LEAD = "lead"
    INTRO = "intro"
    REST = "rest"
    FORWARD = "forward"
    SIGNATURE = "signature"
    RULE = "rule"


_BY_CLASS = {
    "gmail_attr": Role.INTRO,
    "moz-cite-prefix": Role.INTRO,
    "moz-email-headers-table": Role.REST,
    "moz-forward-container": Role.FORWARD,
    "moz-signature": Role.SIGNATURE,
    "gmail_quote": Role.LEAD,
    "gmail_signature": Role.SIGNATURE,
    "yahoo_quoted": Role.QUOTE,
    "protonmail_quote": Role.LEAD,
    "protonmail_signature_block": Role.SIGNATURE,
    "tutanota_quote": Role.QUOTE,
    "zmail_extra": Role.QUOTE,
    "zmail_extra_hr": Role.REST,
    "outlookmessageheader": Role.REST,
    "wlm_quote": Role.QUOTE,
    "ecxgmail_quote": Role.LEAD,
    "freshdesk_quote": Role.QUOTE,
    "front-blockquote": Role.QUOTE,
    "missive_quote": Role.QUOTE,
    "cite": Role.QUOTE,
    "cite2": Role.QUOTE,
    "clean_bq": Role.QUOTE,
    "bloop_original_html": Role.REST,
    "bloop_sign": Role.SIGNATURE,
    "airmail_on": Role.INTRO,
    "airmail_ext_on": Role.INTRO,
    "mailbird_quote": Role.QUOTE,
    "quote": Role.QUOTE,
    "ms-outlook-mobile-reference-message": Role.REST,
    "elided-text": Role.QUOTE,
    "h-signature": Role.SIGNATURE,
}
_BY_ID = {
    "divrplyfwdmsg": Role.REST,
    "mail-editor-reference-message-container": Role.REST,
    "outlookmessageheader": Role.REST,
    "reply-intro": Role.INTRO,
    "replybody1": Role.LEAD,
    "yahoo_quoted": Role.QUOTE,
    "zwchr": Role.REST,
    "stopspelling": Role.REST,
    "_mailoriginal": Role.REST,
    "original-content": Role.REST,
    "originbody": Role.REST,
    "isreplycontent": Role.REST,
    "reply-separator": Role.REST,
    "signature": Role.SIGNATURE,
    "ms-outlook-mobile-signature": Role.SIGNATURE,
    "ymail_signature": Role.SIGNATURE,
    "qt": Role.QUOTE,
}
_BY_NAME = {
    "quote": Role.QUOTE,
    "quoted-content": Role.QUOTE,
    "messagereplysection": Role.LEAD,
    "messagesignaturesection": Role.SIGNATURE,
    "_mailoriginal": Role.REST,
}
# A program that quotes another program's HTML puts x_ (Outlook), ecx (Hotmail), ydp…/yiv… (Yahoo) before its names.
_PREFIX = re.compile(r"^(?:x_|ecx|ydp[0-9a-f]{1,12}|yiv\d{1,12})+")
# "cite" and "quote" are also what pages call a few words, which are pasted into mails.
_INLINE = frozenset(["a", "font", "p", "span", "td"])
# Word writes the line above "From: … Sent: …" as the upper border of a paragraph group.
_WORD_RULE = re.compile(
    r"border:none;border-top:(?:solid#[0-9a-f]{6}1\.0pt|1\.0ptsolid[#a-z0-9]{3,12});padding:3\.0pt0"
)
# Nobody draws a line at the left by hand; some programs do so around the quote, without a blockquote.
_LEFT_BORDER = re.compile(r"border-left:(?!none|0)[^;]{0,40}solid")
_INDENT = re.compile(r"border(?:-left)?:(?:none|0|medium none)|margin:0(?:px)? 0(?:px)? 0(?:px)? 40px")


_MARKS = (
    "blockquote",
    "border-",
    *(name for table in (_BY_CLASS, _BY_ID, _BY_NAME) for name, role in table.items() if role is not Role.SIGNATURE),
)


def may_quote(html: str) -> bool:
    """Whether HTML can hold anything that `role_of` takes for a quote: a cheap look before it is parsed."""
    lowered = html.lower()
    return any(mark in lowered for mark in _MARKS)


def role_of(tag: str, attributes: Mapping[str, str | None]) -> Role | None:
    """What the element means, by the names that mail programs give; None when it is ordinary content."""
    found = _by_name(attributes)
    if tag == "blockquote":
        style = (attributes.get("style") or "").lower()[:200]
        cited = found or (attributes.get("type") or "").lower() == "cite" or "cite" in attributes
        return None if not cited and _INDENT.search(style) else Role.QUOTE
    if found is Role.QUOTE and tag in _INLINE:
        return None
    if not found and tag == "div" and (style := attributes.get("style") or ""):
        compact = style[:200].lower().replace(" ", "").replace("\n", "")
        if _WORD_RULE.search(compact):
            return Role.REST
        return Role.QUOTE if _LEFT_BORDER.search(compact) else None
    return found


def _by_name(attributes: Mapping[str, str | None]) -> Role | None:
    for name in (attributes.get("class") or "").lower().split()[:8]:
        if found := _BY_CLASS.get(name) or _BY_CLASS.get(_PREFIX.sub("", name)):
            return found
    name = _PREFIX.sub("", (attributes.get("id") or attributes.get("name") or "").lower()[:64])
    if name.startswith("yahoo_quoted"):
        return Role.QUOTE
    return _BY_ID.get(name) or _BY_NAME.get(name)
