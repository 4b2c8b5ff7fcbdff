"""Campaigns: many trials of one idea, over any number of workers, of which none is lost."""
