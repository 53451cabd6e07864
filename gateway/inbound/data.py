"""DATA: one mail as it comes in, in blocks cut anywhere: its end, its dots, its limits (RFC 5321 §4.5.2)."""

from gateway.inbound.replies import NO_ROOM, TOO_LARGE, reply

LINE_BYTES = 65_536  # RFC 5321 §4.5.3.1.6 says 1,000, and 0.7 % of real mail does not care
DOTS_BYTES = 65_536  # room for the transparency dots, which do not count into SIZE (RFC 1870 §3)

_LINE_END = b"\r\n"
_END = b"\r\n.\r\n"  # this and nothing else: bare LF or CR would let mails be smuggled
_LONG_LINE = reply(554, "5.6.0", f"This mail has a line of more than {LINE_BYTES} bytes")


class Incoming:
    """A mail on its way in. max_size: bytes. since: the loop's time of DATA.

    rejection: the answer to a mail that is not looked at any more while it comes in, b"" for one that is well.
    """

    __slots__ = ("_max_size", "_searched", "rejection", "since")

    def __init__(self, raw: bytearray, max_size: int, since: float) -> None:
        """raw: what the client has said behind the command DATA; more is added to its end."""
        # The line end of the command counts as the one before the mail: so an empty mail ends like all others.
        raw[:0] = _LINE_END
        self._max_size = max_size
        self._searched = 0  # so many bytes hold no end of the mail
        self.rejection = b""
        self.since = since

    def take(self, raw: bytearray) -> bytes | None:
        """The mail without its dots, once its end has come; `raw` then begins behind it. None while it has not.

        What became of it stands in `rejection`.
        """
        end = raw.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(raw) - len(_END) + 1)
            return None
        with memoryview(raw) as view:
            data = bytes(view[len(_LINE_END) : end + len(_LINE_END)])
        del raw[: end + len(_END)]  # before more is made of it: a large mail is in memory twice at most
        data = _without_dots(data)
        if not self.rejection and len(data) > self._max_size:
            self.rejection = TOO_LARGE
        elif not self.rejection and _has_long_line(data):
            self.rejection = _LONG_LINE
        return data

    def bound(self, raw: bytearray, *, has_room: bool) -> None:
        """Of a mail that is too large or that has no room, keep no more than an end that has come in part."""
        if len(raw) > self._max_size + DOTS_BYTES:
            self.rejection = TOO_LARGE
        elif not has_room:
            self.rejection = self.rejection or NO_ROOM
        if self.rejection:
            del raw[: -len(_END) + 1]
            self._searched = 0


def _without_dots(data: bytes) -> bytes:
    """Take back the transparency dots."""
    if b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n")
    return data[1:] if data.startswith(b".") else data


def _has_long_line(data: bytes) -> bool:
    start = 0
    while len(data) - start > LINE_BYTES:
        end = data.rfind(b"\n", start, start + LINE_BYTES)
        if end < 0:
            return True
        start = end + 1
    return False
