"""Feature builders."""
