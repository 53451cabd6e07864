"""Text longer than a message goes on in the next, and nothing of it is lost (DESIGN §3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cases.limits import MESSAGES_PER_MAIL, REST_FILENAME, split_draft, split_text
from gateway.cases.model import ATTACHMENTS_PER_MESSAGE, MESSAGE_CHARACTERS, Draft, File, tidy_body

MOST = MESSAGE_CHARACTERS * MESSAGES_PER_MAIL


@st.composite
def long_texts(draw: st.DrawFn) -> str:
    """Tidied texts around the limits: a few short samples repeated to thousands of characters, joined by any space."""
    samples = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
    runs = draw(st.lists(st.tuples(samples, st.integers(1, 2_500)), max_size=8))
    joint = draw(st.sampled_from(("", " ", "\n", "\n\n", "\t", " \n \n\n")))
    return tidy_body(joint.join(sample * times for sample, times in runs))


def without_space(*texts: str) -> str:
    return "".join("".join(text.split()) for text in texts)


@given(long_texts())
@settings(max_examples=300)
def test_no_character_is_lost_and_no_piece_is_too_long(text: str) -> None:
    pieces, rest = split_text(text)
    assert without_space(*pieces, rest) == without_space(text)
    assert 1 <= len(pieces) <= MESSAGES_PER_MAIL
    assert all(len(piece) <= MESSAGE_CHARACTERS for piece in pieces)
    assert all(pieces) or text == ""
    assert rest == "" or len(pieces) == MESSAGES_PER_MAIL


@given(long_texts())
@settings(max_examples=100)
def test_pieces_stand_in_the_text_word_for_word(text: str) -> None:
    """Only white space at a cut goes; within a piece everything is as it was."""
    pieces, rest = split_text(text)
    position = 0
    for piece in (*pieces, rest):
        found = text.index(piece, position)
        assert text[position:found].strip() == ""
        position = found + len(piece)
    assert position == len(text)


@pytest.mark.parametrize(
    ("characters", "pieces", "rest"),
    [
        (0, 1, 0),
        (1, 1, 0),
        (MESSAGE_CHARACTERS, 1, 0),
        (MESSAGE_CHARACTERS + 1, 2, 0),
        (MOST, MESSAGES_PER_MAIL, 0),
        (MOST + 1, MESSAGES_PER_MAIL, 1),
    ],
)
def test_the_limits_themselves(characters: int, pieces: int, rest: int) -> None:
    made, left = split_text("é" * characters)
    assert (len(made), len(left)) == (pieces, rest)
    assert sum(map(len, made)) + len(left) == characters


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("a" * 3_000 + "\n\n" + "b" * 800 + "\n" + "c " * 800, "a" * 3_000),
        ("a" * 3_000 + "\n" + "b " * 800, "a" * 3_000),
        ("a" * 3_000 + " " + "b" * 1_600, "a" * 3_000),
        ("a" * 100 + "\n\n" + "b" * 4_500, "a" * 100 + "\n\n" + "b" * 3_898),
    ],
    ids=["behind a paragraph", "behind a line", "behind a word", "not so early that little would be left of it"],
)
def test_it_is_cut_where_a_reader_would(text: str, first: str) -> None:
    assert split_text(text)[0][0] == first


def test_the_rest_is_a_file_of_the_last_message_and_takes_no_other_files_place() -> None:
    pictures = tuple(File(f"{n}.png", "image/png", b"png") for n in range(ATTACHMENTS_PER_MESSAGE))
    (first, files), *others = split_draft(Draft("ü" * (MOST + 10), pictures))
    assert files == pictures
    assert [first, *(text for text, _ in others)] == ["ü" * MESSAGE_CHARACTERS] * MESSAGES_PER_MAIL
    rest = File(REST_FILENAME, "text/plain", ("ü" * 10).encode())
    assert [files for _, files in others] == [(), (), (), (rest,)]


def test_a_draft_within_the_limits_is_as_it_was() -> None:
    files = tuple(File(f"{n}.txt", "text/plain", b"x") for n in range(ATTACHMENTS_PER_MESSAGE))
    assert split_draft(Draft("The lid fits.", files)) == (("The lid fits.", files),)
