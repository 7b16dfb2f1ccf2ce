"""The report of a suite: figures of all its cells, tables, one page."""
