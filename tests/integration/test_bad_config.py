"""No bad configuration is accepted and no good one refused, whatever the schema becomes."""

from __future__ import annotations

from evidence import bad_config


def test_bad_settings_are_refused_and_good_ones_pass() -> None:
    """Every key has a bad case; each is refused by key, value and rule with nothing opened."""
    outcome = bad_config.run(full=False)
    assert outcome.holds, outcome.figure
