"""Learning: scaling features, training policies, keeping them as safe artefacts."""
