"""Fixed (not learned) converters between sound and pictures."""
