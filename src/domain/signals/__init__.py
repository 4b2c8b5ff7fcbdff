"""What is computed from bars: feature definitions and rule strategies."""
