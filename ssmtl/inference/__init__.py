"""A trained run as a model: loaded, asked about images, its answers written; nothing is trained."""
