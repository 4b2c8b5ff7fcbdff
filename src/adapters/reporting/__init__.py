"""Documents for people."""
