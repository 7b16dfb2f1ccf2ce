"""What a plugin implements: one contract per file."""
