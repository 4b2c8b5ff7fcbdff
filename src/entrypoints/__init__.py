"""Thin faces over the use cases, and the one place that wires them together."""
