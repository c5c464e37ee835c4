"""The four models of the source project."""
