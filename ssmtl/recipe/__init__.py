"""What may stand in a recipe, and how it is read."""
