"""Where bars come from: files, venues, and the synthetic market."""
