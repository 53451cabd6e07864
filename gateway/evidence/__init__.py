"""Evidence for a payment dispute: one signed archive of what was said on a case, and how that can be known.

    make ──▶ archive ◀── verify
      └────▶  seal  ◀──────┘

`verify` works with nothing but the archive: whoever receives one has neither our database nor our settings.
"""
