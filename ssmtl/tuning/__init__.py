"""Searches for a recipe's options: a space, trials in rounds, and the best recipe."""
