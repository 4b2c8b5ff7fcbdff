"""Races: ours and the peers' at the same work, in turns, one module a row of the speed table."""
