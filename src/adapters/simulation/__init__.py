"""The Python side of the simulated market."""
