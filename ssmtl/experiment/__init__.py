"""From a recipe to what is trained: components, plan, data."""
