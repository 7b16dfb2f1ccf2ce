"""Plugins, the components they offer by name, and the options these take."""
