"""What a plugin implements: one contract a file."""
