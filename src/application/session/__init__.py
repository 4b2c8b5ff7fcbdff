"""The trading session: one code for paper now and for live later."""
