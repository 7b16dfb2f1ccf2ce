"""Predictions and what the metrics say of them."""
