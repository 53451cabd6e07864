"""Backups: one archive with the rows, the files that they name, the ledger, and the keys under a passphrase.

    make ──▶ archive ◀── restore
      └────▶ lockbox ◀──────┘

A backup is made while the gateway works. A restore goes into an empty folder, and sends and closes nothing by itself.
"""
