"""Text that was wrapped for sending (RFC 3676)."""

from gateway.mail.flowed import LONGEST, unflow


def test_soft_line_breaks_are_joined_and_hard_ones_stay() -> None:
    assert unflow("one \ntwo \nthree\nfour") == "one two three\nfour"


def test_only_lines_of_one_depth_are_joined() -> None:
    assert unflow("> a \n> b\n>> c \nd") == "> a b\n>> c \nd"


def test_stuffed_blanks_are_taken_away() -> None:
    assert unflow(" From here\n  indented") == "From here\n indented"


def test_the_separator_of_a_signature_is_no_soft_line_break() -> None:
    assert unflow("bye \n-- \nAna") == "bye \n-- \nAna"


def test_languages_without_blanks() -> None:
    assert unflow("你 \n好", delete_space=True) == "你好"


def test_a_very_long_text_stays_as_it_is() -> None:
    text = "a \n" * (LONGEST // 3 + 1)
    assert unflow(text) == text
