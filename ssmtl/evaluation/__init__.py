"""Predictions, and what the metrics say about them."""
