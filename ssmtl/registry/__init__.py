"""Plugins, what they offer under which name, and which options it takes."""
