"""Models of Stable-Baselines3, read in an isolated process and turned into safe ones.

Nothing is imported here: the child passes through on its way to its lock.
"""
