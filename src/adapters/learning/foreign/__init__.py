"""Models of Stable-Baselines3, read in an isolated process and turned into safe ones."""

from .reader import IsolatedSb3Reader

__all__ = ["IsolatedSb3Reader"]
