"""Where things are kept: the candle lake, the database, artefacts."""
