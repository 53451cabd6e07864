"""Understanding mail: pure functions from bytes and text to values. No I/O, no clock, no database."""
