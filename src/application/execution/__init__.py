"""The one order path: every intent is on the disk before it is on the wire."""
