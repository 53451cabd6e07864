"""Text that was wrapped for sending, unwrapped again (`format=flowed`, RFC 3676 §4)."""

LONGEST = 1_000_000  # characters; nobody writes more by hand, and a longer text stays as it is


def unflow(text: str, *, delete_space: bool = False) -> str:
    """Join the lines of each paragraph. delete_space: the blank before a soft line break is not part of the text."""
    if len(text) > LONGEST:
        return text
    paragraphs: list[str] = []
    open_depth = -1  # quote depth of the paragraph that goes on, -1 when none does
    pieces: list[str] = []
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")  # §4.4: stuffed, so that "From" and ">" can start a line
        if pieces and (depth != open_depth or content == "-- "):
            # §4.5: a paragraph that ends in the wrong depth ends all the same.
            paragraphs.append("".join(pieces))
            pieces = []
        if not pieces and depth:
            pieces.append(">" * depth + " ")
        # §4.3: the separator of a signature is no soft line break.
        if content.endswith(" ") and content != "-- ":
            pieces.append(content[:-1] if delete_space else content)
            open_depth = depth
        else:
            pieces.append(content)
            paragraphs.append("".join(pieces))
            pieces = []
    if pieces:
        paragraphs.append("".join(pieces))
    return "\n".join(paragraphs)
