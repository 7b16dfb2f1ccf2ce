"""The network (backbone, heads and bridges), its moving average, and its weights on disk."""
