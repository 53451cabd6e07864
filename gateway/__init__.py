"""Casegate: an email gateway for support cases."""
