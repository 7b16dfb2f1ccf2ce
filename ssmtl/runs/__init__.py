"""One run: its folder, what is written there and when."""
