"""The training loop, and one step of it."""
