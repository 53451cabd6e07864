"""Addresses as they stand in mail headers and envelopes (RFC 5321 §4.1.2, RFC 5322 §3.4)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox: the display name (decoded, may be empty) and the address as written (`local@domain`)."""

    name: str
    address: str
