"""Where orders go, one package a venue."""
