"""Pure rules of trading: no clock, no I/O, no logging, no randomness."""
