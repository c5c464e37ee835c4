"""Files: from sound to picture and back with the fixed converters, many at a time."""
