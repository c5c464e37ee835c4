"""The parts of draw.py: sounds in, drawings out."""
