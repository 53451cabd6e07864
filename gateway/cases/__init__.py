"""The law about cases: pure values and decisions. No I/O, no clock, no randomness."""
