"""The parts of `evaluate.py`: what is scored, against what, and how it is kept and shown."""
