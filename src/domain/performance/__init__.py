"""Metrics of returns and trades, with their intervals."""
