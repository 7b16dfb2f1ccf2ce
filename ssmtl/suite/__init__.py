"""Suites: grids of runs, their rows, tables and figures."""
