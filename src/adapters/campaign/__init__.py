"""Campaigns with Optuna's memory and workers as processes; importing this loads neither."""
