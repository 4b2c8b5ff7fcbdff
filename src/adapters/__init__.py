"""Implementations of the ports; third-party libraries are imported here and nowhere further in."""
