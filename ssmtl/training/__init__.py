"""The loop and one step of it."""
