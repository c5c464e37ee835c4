"""Metrics: pure functions from features to a value."""
