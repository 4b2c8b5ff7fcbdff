"""The one accounting truth."""
