"""A trained run in a browser on the same machine; needs the extra `view`."""
