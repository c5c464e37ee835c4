"""The parts of benchmark.py: a matrix of runs, round trips of the converters, tables, figures."""
