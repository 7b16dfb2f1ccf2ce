"""What training costs: the step against a plain reference, its memory, its floating-point operations."""
