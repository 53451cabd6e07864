"""Whether a mail is from whom its From names (HARDENING rules 4 and 14): SPF, DKIM, DMARC and ARC, and the verdict."""

from gateway.mail.authentication.lookup import Lookup, Trouble
from gateway.mail.authentication.results import MethodResult
from gateway.mail.authentication.verdict import Authentication, Trusted, authenticate

__all__ = ["Authentication", "Lookup", "MethodResult", "Trouble", "Trusted", "authenticate"]
