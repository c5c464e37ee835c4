"""The parts of convert.py: files to files with the fixed converters, many in parallel."""
