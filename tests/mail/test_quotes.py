"""Cutting answers: the words of the writer are all there, the quoted ones are not, whatever the layout."""

import re
from collections import Counter
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.quotes import MARKER, Reply, has_words, split_reply
from tests.work import steps

OURS = """Hello Ann,

we have sent you the blue kettle and a second lid. It leaves the warehouse tonight.

Which address shall we use for the invoice?

The crew of Nordlicht"""


def quoted(text: str, sign: str = "> ") -> str:
    return "\n".join((sign + line).rstrip() for line in text.split("\n"))


def new(text: str, *, answered: str | None = None) -> str:
    return split_reply(text, None, answered=answered).new


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


# ------------------------------------------------------------------------------------------- our own marker


@pytest.mark.parametrize(
    "below",
    [
        f"{MARKER}\n\n{OURS}",
        f"*{MARKER}*\n\n{OURS}",
        f"##- Please type your\nreply above this line\n-##\n\n{OURS}",
        f"##-\xa0Please\xa0type your  reply above this line\xa0-##\n\n{OURS}",
        f"## - Please type your reply above this line - ##\n\n{OURS}",
        f"Xyz 1.2.2024 abc Shop <reply+x@mail.example.org> qwe:\n\n{MARKER}\n\n{OURS}",
        f"Xyz 1.2.2024 abc Shop\n<reply+x@mail.example.org> qwe:\n\n{MARKER}\n\n{OURS}",
        f"Xaa: Shop <reply+x@mail.example.org>\nXbb: 1.2.2024 10:00\nXcc: Ann\n\n{MARKER}\n\n{OURS}",
        f"Xyz 1.2.2024 Shop <reply+x@mail.example.org>:\n{quoted(MARKER)}\n>\n{quoted(OURS)}",
    ],
    ids=["plain", "bold", "wrapped", "spaces", "loose", "intro", "wrapped intro", "headers", "signs"],
)
def test_all_below_our_marker_is_ours_in_any_language(below: str) -> None:
    assert new(f"Take the old one, please.\n\n{below}") == "Take the old one, please."


def test_words_in_front_of_the_marker_on_its_line_stay() -> None:
    assert new(f"Take the old one. {MARKER} {OURS}") == "Take the old one."


def test_a_heading_close_above_the_marker_stays() -> None:
    assert new(f"## My list\n- lid\n\n{MARKER}\n{OURS}") == "## My list\n- lid"


def test_the_marker_is_named_as_the_rule_that_cut() -> None:
    assert split_reply(f"Yes.\n\n{MARKER}\nold", None) == Reply("Yes.", f"{MARKER}\nold", "marker")


def test_an_answer_below_the_signed_marker_stays() -> None:
    assert new(f"{quoted(MARKER)}\n{quoted(OURS)}\n\nMain Street 5, please.") == "Main Street 5, please."


# ------------------------------------------------------------------------------------------- the text that is answered


def test_the_answered_text_is_cut_without_any_announcement() -> None:
    reply = split_reply(f"Main Street 5, please.\n\n{OURS}", None, answered=OURS)
    assert (reply.new, reply.how) == ("Main Street 5, please.", "answered")


def test_the_answered_text_is_found_however_it_is_wrapped() -> None:
    wrapped = re.sub(r"(.{20,30}?) ", r"\1\n", OURS.replace("\n\n", " "))
    assert new(f"Main Street 5.\n\nXyz 1.2. Shop <r@example.org> qwe:\n\n{wrapped}", answered=OURS) == "Main Street 5."


def test_a_long_paragraph_of_the_answered_text_is_found() -> None:
    paragraph = " ".join(f"word{i} and more of it" for i in range(200))
    assert new(f"Main Street 5.\n\n{paragraph}", answered=f"Hello\n\n{paragraph}") == "Main Street 5."


def test_the_ends_of_quoted_lines_that_were_broken_off_are_not_new() -> None:
    broken = "> we have sent you the blue kettle and\na second\n> lid. It leaves the warehouse tonight."
    assert new(f"Blue.\n\nOn 1/1/24 10:00, Shop wrote:\n{broken}", answered=OURS) == "Blue."


def test_words_typed_into_the_answered_text_are_given_back() -> None:
    into = OURS.replace("invoice?", "invoice?\n\nMain Street 5, Bern.\n")
    outlook = f"From: Shop <r@example.org>\nSent: Monday\nTo: Ann\nSubject: Re: Lid\n\n{into}"
    assert new(f"See below.\n\n{outlook}", answered=OURS) == "See below.\n\nMain Street 5, Bern."
    assert new(f"On 1.1.2024 10:00 Shop <r@example.org> wrote:\n{quoted(into)}", answered=OURS) == (
        "Main Street 5, Bern."
    )


def test_a_phrase_repeated_in_a_sentence_of_ones_own_is_new() -> None:
    own = "You wrote we have sent you the blue kettle and a second lid but it is green."
    assert new(own, answered=OURS) == own


# ------------------------------------------------------------------------------------------- order and position


def test_answers_between_and_below_quotes_stay_in_order() -> None:
    text = "On 1/1/24 10:00, Shop wrote:\n> Which colour?\nBlue.\n> Which size?\nLarge.\n> Thanks\n\nThat is all."
    assert new(text) == "Blue.\n\nLarge.\n\nThat is all."


def test_an_answer_below_an_original_message_with_signs_stays() -> None:
    head = "----- Original Message -----\nFrom: Shop <s@example.org>\nTo: Ann\nSubject: Re: Lid\n\n"
    assert new(f"{head}{quoted(OURS)}\n\nMain Street 5.") == "Main Street 5."


def test_words_before_an_announcement_on_its_line_stay() -> None:
    assert new("Blue. On Wed, Apr 4, 2024 at 3:59 PM, shop@example.org wrote:\n> Which?") == "Blue."


def test_an_announcement_at_the_top_is_dropped_when_only_unsigned_words_follow() -> None:
    assert new("On 8 May 2024 17:34, Shop <s@example.org> wrote:\n\nThe kettle is green.") == "The kettle is green."


def test_a_comment_above_a_forward_is_new_and_the_forward_is_told_apart() -> None:
    forward = "---------- Forwarded message ---------\nFrom: Lee <lee@example.net>\nSubject: Lid\n\nIt broke."
    reply = split_reply(f"See below, this is my proof.\n\n{forward}", None)
    assert reply == Reply("See below, this is my proof.", forward, "forward")


def test_a_forward_without_a_comment_is_kept_whole() -> None:
    forward = "---------- Forwarded message ---------\nFrom: Lee <lee@example.net>\nSubject: Lid\n\nIt broke."
    assert split_reply(forward, None) == Reply(forward, "", "forward")


# ------------------------------------------------------------------------------------------- closings


@pytest.mark.parametrize(
    "tail",
    [
        "--\nAnn Lee\nLee Tools Ltd\n+41 44 000 00 00",
        "--\nAnn",
        "_______________________________________________\nkettles mailing list\nkettles@lists.example.org",
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Get Outlook for iOS<https://example.org/x>",
        "iPhoneから送信",
        "--\nAnn Lee\n\nSent from my Galaxy",
        "This e-mail is confidential. If you are not the intended recipient, please delete it.",
        "Diese E-Mail ist vertraulich. Wenn Sie nicht der richtige Empfänger sind, löschen Sie sie.",
        "Virus-free. www.example.org",
    ],
)  # fmt: skip
def test_a_closing_is_cut(tail: str) -> None:
    reply = split_reply(f"Please send a new lid.\n\nThanks\nAnn\n\n{tail}", None)
    assert (reply.new, reply.quoted, reply.how) == ("Please send a new lid.\n\nThanks\nAnn", tail, "closing")


def test_a_device_that_one_writes_about_is_no_footer() -> None:
    assert new("Which app?\n\nMy phone is a Samsung\n\nSent from my iPhone") == "Which app?\n\nMy phone is a Samsung"


def test_a_postscript_below_a_signature_stays() -> None:
    text = "Please send a new lid.\n\n-- \nAnn\n\nP.S. It has to be blue."
    assert "It has to be blue." in new(text)


def test_a_closing_below_the_quote_is_cut_too() -> None:
    text = f"Main Street 5.\n\nOn 1/1/24 10:00, Shop wrote:\n{quoted(OURS)}\n-- \nAnn Lee\nLee Tools"
    assert new(text) == "Main Street 5."


@pytest.mark.parametrize("text", ["Sent from my iPhone", "--\nAnn", "--", "> only quoted", "On 1/1/24 Bob wrote:"])
def test_nobodys_only_words_are_cut(text: str) -> None:
    assert split_reply(text, None) == Reply(text.rstrip(), "", "whole")


# ------------------------------------------------------------------------------------------- no quotes at all


@pytest.mark.parametrize(
    "text",
    [
        "Hi,\n\nI wrote to you on 1 May 2024 at 10:00 and you answered:\n\nWe will refund.\n\nNothing came.",
        "Please write to ann@example.net before 5 May 2024:\n\nAnn Lee\nMain Street 5",
        "Dear shop,\n\nFrom: Berlin\nTo: Paris\nDate: 5 May 2024\n\nThat is the way of my parcel.",
        "My details:\n\nName: Ann Lee\nTo: Main Street 5\nSubject: broken lid\n\nPlease hurry.",
        "On Monday I wrote a letter:\nit never arrived.\n\nOn Tuesday too.",
        "我的订单还没有到。\n\n请尽快处理。",
        "Hello\n\nFrom my point of view this is wrong.",
        "Hello\n\nSent from Berlin on Monday by mule.",
        "Hello,\n\nTo unsubscribe I clicked the link but nothing happened.",
        "Here is what Bob said on 5 May:\n\nyou get your money.\n\nWhat now?",
        "So far:\n05/05/2024 10:00: I ordered\n06/05/2024 11:00: you confirmed\n07/05/2024: lost\n\nRefund it.",
        "2024-05-05 10:00 ordered\n2024-05-06 11:00 paid\n\nBoth are on my bank statement.",
        "Bob:\nI want the blue one.\n\nAnn:\nI want the red one.",
        "Meeting at 10:00 with bob@example.org:\nplease join.\n\nThanks",
        "Ich schrieb am 5.5.2024 um 10:00 an info@example.org:\n\nBitte stornieren.\n\nKeine Antwort!",
        "The code is\n\n***\n\nand it fails.\n\nWhy?",
        "Please forward:\n\nthe parcel to my new address",
        "| item | price |\n| lid  | 5     |\n\nIs this right?",
        "Above the line\n\n---\n\nIs there a second lid? Please answer soon.\nAnd is it blue?",
    ],
)
def test_everything_is_new_in_a_mail_without_quotes(text: str) -> None:
    assert split_reply(text, None) == Reply(text, "", "whole")


# ------------------------------------------------------------------------------------------- HTML


def test_html_alone_is_read() -> None:
    html = (
        "<div>Blue.</div><div class='gmail_quote'>Xyz qwe<br><blockquote class='gmail_quote'>Which?</blockquote></div>"
    )
    assert split_reply(None, html).new == "Blue."


def test_html_tells_where_the_text_is_silent() -> None:
    html = "<div>Blue.</div><div id='divRplyFwdMsg'>Xaa: Shop<br>Xbb: Monday</div><div>Which colour?</div>"
    assert split_reply("Blue.\n\nXaa: Shop\nXbb: Monday\n\nWhich colour?", html).new == "Blue."


def test_html_is_read_when_the_text_is_a_stub() -> None:
    assert "sentence" in split_reply("Please use an HTML reader.", f"<p>{'A long sentence. ' * 40}</p>").new


def test_an_answer_typed_into_the_place_of_the_signature_stays() -> None:
    html = "<div id=Signature>Take the old one.</div><div id=divRplyFwdMsg>From: Shop<br>Sent: Monday</div>Which?"
    assert split_reply(None, html).new == "Take the old one."


@pytest.mark.parametrize(
    "forward",
    [
        "<div class=gmail_quote><div class=gmail_attr>---------- Forwarded message ---------<br>From: Lee<br>"
        "Subject: Lid<br></div><br>It broke.</div>",
        "<blockquote type=cite><div>Begin forwarded message:</div><div>From: Lee<br>Subject: Lid</div>Oh.</blockquote>",
        "<div class=moz-forward-container>-------- Forwarded Message --------<br>Subject: Lid<br>From: Lee</div>",
    ],
    ids=["gmail", "apple", "thunderbird"],
)
def test_a_forward_in_html_is_told_apart_from_its_comment(forward: str) -> None:
    reply = split_reply(None, f"<div>See below.</div>{forward}")
    assert (reply.new, reply.how) == ("See below.", "forward")


def test_an_indented_block_of_ones_own_is_no_quote() -> None:
    html = "<div>Mine:</div><blockquote style='margin:0 0 0 40px;border:none;padding:0px'>indented</blockquote>"
    assert split_reply(None, html).new == "Mine:\n\nindented"


def test_answers_inside_a_gmail_quote_stay() -> None:
    html = (
        "<div class='gmail_quote'><div class='gmail_attr'>Xyz qwe</div><blockquote class='gmail_quote'>Which?"
        "</blockquote><div>Blue.</div><blockquote class='gmail_quote'>And size?</blockquote><div>Large.</div></div>"
    )
    assert words(split_reply(None, html).new) == ["Blue", "Large"]


def test_a_body_without_words_gives_nothing() -> None:
    assert split_reply(None, None) == split_reply(" \n", "<p> </p>") == Reply("", "", "whole")


# ------------------------------------------------------------------------------------------- for all inputs

_WORDS = st.sampled_from("kettle lid blue broken parcel today street five Ann refund ordered again".split())  # noqa: SIM905
_LINE = st.lists(_WORDS, min_size=1, max_size=8).map(" ".join)
_SHAPES = st.sampled_from(
    [
        *("", "> quoted words", ">> deeper", "-- ", "---", "| bar", "AB> text", "<", "a <b@", "> wrote:"),
        *("From: Shop <s@example.org>", "Sent: Monday", "Subject: Re: Lid", "-----Original Message-----"),
        *("---------- Forwarded message ---------", MARKER, "##- Please type your", ">>> Lee 1/1/24 >>>"),
        "On Mon, Jan 1, 2024 at 10:00 AM Shop <s@example.org> wrote:",
        "Sent from my iPhone",
        "This e-mail is confidential and meant for the intended recipient alone, nobody else.",
    ]
)


@given(st.text())
def test_never_empty_while_there_is_text(text: str) -> None:
    assert bool(split_reply(text, None).new.strip()) == bool(text.strip())


@given(st.text())
def test_never_empty_while_the_html_has_words(text: str) -> None:
    for tag in ("p", "blockquote", "div id=divRplyFwdMsg", "div class=gmail_quote", "div class=gmail_signature"):
        new = split_reply(None, f"<{tag}>{escape(text)} kettle").new
        assert "kettle" in new


@given(st.lists(st.one_of(_LINE, _SHAPES)).map("\n".join))
def test_never_empty_while_there_are_words_and_no_word_vanishes(text: str) -> None:
    reply = split_reply(text, None)
    assert bool(reply.new) >= bool(words(text))
    assert Counter(words(reply.new) + words(reply.quoted)) == Counter(words(text))


@given(st.lists(_LINE, min_size=1), st.lists(st.one_of(_LINE, _SHAPES)))
def test_words_before_the_marker_are_never_lost(own: list[str], below: list[str]) -> None:
    reply = split_reply("\n".join([*own, "", MARKER, *below]), None)
    assert words(reply.new)[: len(words(" ".join(own)))] == words(" ".join(own))


@given(st.lists(st.one_of(_LINE, _SHAPES)).map("\n".join), st.text())
def test_the_answered_text_makes_nothing_vanish(text: str, answered: str) -> None:
    reply = split_reply(text, None, answered=answered + text[: len(text) // 2])
    assert Counter(words(reply.new) + words(reply.quoted)) == Counter(words(text))


# ------------------------------------------------------------------------------------------- linear time


@pytest.mark.parametrize(
    "unit",
    [
        *(">\n", "> some words\n", "On Mon, we said\n", "From: a\n", "From: a@b\nx\n", "--a\n", "--\n", "-- \nAnn\n"),
        *(
            "wrote:\n",
            "a <\n",
            "> wrote:\n",
            f"{MARKER}\n",
            "##\n",
            "| x\n",
            "x\n\n",
            "AB> x\n",
            "Sent from my iPhone\n",
        ),
        *("-----Original Message-----\n", "-----Original Message-----\n> x\ny\n", "Begin forwarded message:\n"),
        *("On 1/1/24 10:00 Shop wrote:\n> x\ny\n", "Date: Mon 10:00\nTo: a@b\n> x\n", "-- \nSent from my iPhone\nx\n"),
        *("This is confidential, recipient, " * 3 + "\n\n", "> x\n(https://example.org/)\n"),
        "On Mon, Jan 1, 2024 at 10:00 AM Shop <s@example.org> wrote:\n",
    ],
)
def test_twice_the_lines_are_at_most_twice_the_work(unit: str) -> None:
    small, large = unit * 400, unit * 800
    answered = "some words that were sent before this " * 20
    work = steps(lambda: split_reply("New words.\n" + small, None, answered=answered))
    assert steps(lambda: split_reply("New words.\n" + large, None, answered=answered)) <= 2.2 * work + 2000


@pytest.mark.parametrize(
    "unit", ["<div>", "<blockquote>", "<b>x", "<p>x", "<div class=gmail_quote>", "<table><tr><td>", "<ul><li>", "<"]
)
def test_twice_the_elements_are_at_most_twice_the_work(unit: str) -> None:
    work = steps(lambda: split_reply(None, "New words." + unit * 400))
    assert steps(lambda: split_reply(None, "New words." + unit * 800)) <= 2.2 * work + 2000


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "On " * 50_000, "wrote: " * 30_000, "-" * 100_000, "<" * 50_000, " " * 9999]
)
def test_one_long_line_is_one_line_of_work(text: str) -> None:
    assert steps(lambda: split_reply("New words.\n" + text, None)) < 2000


def test_what_we_sent_is_found_above_our_marker_where_no_sign_tells_that_it_is_quoted() -> None:
    """The marker stands below the new words of our mail; what is under it is cut by it, what is above by its words."""
    words = "Blue Kettle answered\n\nWe send you a new lid by mail today."
    sent = f"{words}\n\n{MARKER}\n\nYou get this because you wrote to us."
    assert split_reply(f"Thank you!\n\n{sent}", None, answered=sent).new == "Thank you!"
    assert split_reply(f"Thank you!\n\n{sent}", None).new.startswith("Thank you!\n\nBlue Kettle answered")


@pytest.mark.parametrize("text", ["", " \n", "> \n>", "-- \n___", "| |"])
def test_signs_are_no_words(text: str) -> None:
    assert not has_words(text)
    assert has_words(text + "👍")


# ------------------------------------------------------------------------------------------- tabs that quote

TABBED = """Blue Kettle via Cases <cases@cases.example.org> wrote:

\tBlue Kettle answered

\tWhich part is missing?
\t- Case is now awaiting the customer

\tWe need its number.
"""


@pytest.mark.parametrize("text", [f"{TABBED}\nThe lid.\n", f"The lid.\n\n{TABBED}", f"{TABBED}The lid.\n"])
def test_tabs_below_an_announcement_quote(text: str) -> None:
    reply = split_reply(text, None)
    assert reply.new == "The lid."
    assert "Which part is missing?" in reply.quoted


def test_an_answer_between_tabbed_lines_is_kept() -> None:
    text = TABBED.replace("\t- Case", "The lid.\n\t- Case")
    assert split_reply(text, None).new == "The lid."


@pytest.mark.parametrize(
    "text",
    [
        "These are missing:\n\tthe lid\n\tthe spout",
        "\tthe lid\n\tthe spout",
        "Dear Sirs,\n\n\tI write to you about the lid.\n\n\tIt leaks.",
    ],
)
def test_tabs_that_a_person_wrote_quote_nothing(text: str) -> None:
    assert split_reply(text, None).new == text.strip("\n")
