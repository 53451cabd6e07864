"""What one mail may cost: limits that hold before anything large is built from its bytes."""

MAIL_BYTES = 96 * 1024 * 1024
HEADER_FIELDS = 1_000  # of one header, the mail's or a part's
HEADER_BYTES = 256 * 1024
FIELD_BYTES = 64 * 1024  # of one header field, unfolded
BOUNDARY_LINES = 20_000  # lines that start like a boundary; each one is looked at
PARTS = 1_000
PART_HEADER_BYTES = 1024 * 1024  # of all parts together
DEPTH = 32  # multiparts inside multiparts; ordinary mail stays under 8


class TooComplex(Exception):
    """The mail is past a limit; the text says which one, for the operator."""


def check(raw: bytes) -> None:
    """Refuse a mail whose size or number of boundary lines is past the limits: one pass that allocates nothing.

    Raises TooComplex. The other limits are kept where fields and parts are counted, one by one, as they are read.
    """
    if len(raw) > MAIL_BYTES:
        raise TooComplex(f"It is larger than {MAIL_BYTES} bytes.")
    if raw.count(b"\n--") > BOUNDARY_LINES:
        raise TooComplex(f"It has more than {BOUNDARY_LINES} lines that look like boundaries.")
