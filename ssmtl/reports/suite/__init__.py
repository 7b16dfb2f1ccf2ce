"""The report of a suite: figures over all its cells, tables, one page."""
