"""Learning with Stable-Baselines3, and deciding without it.

``policy_agent`` needs no learning library; ``sb3_trainer`` is imported only where one trains.
"""
