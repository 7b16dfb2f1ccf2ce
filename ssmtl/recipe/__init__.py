"""What a recipe may contain, and how it is read."""
