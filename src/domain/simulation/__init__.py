"""The reference of the market step: plain integers, one rule a function."""
