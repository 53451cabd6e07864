"""How the checks ask the DNS, which is handed in: they do no I/O of their own."""

from collections.abc import Callable

#: From a name without trailing dot and a record type ("TXT", "A", "AAAA", "MX", "PTR") to the records as text, in any
#: order; empty when there is nothing (no such name, no such records). TXT strings are joined, octets as Latin-1; MX is
#: `10 mail.example.org`. CNAMEs are followed. Raises Trouble;
#: whatever else it raises ends the checks and reaches who asked for them.
Lookup = Callable[[str, str], tuple[str, ...]]


class Trouble(Exception):
    """The DNS did not answer: nothing can be said now, a later try may find out."""
