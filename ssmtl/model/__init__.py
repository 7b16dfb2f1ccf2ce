"""The network: backbone, heads and bridges together, its average, its weights on disk."""
