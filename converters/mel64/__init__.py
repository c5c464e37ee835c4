"""The 64 x 64 log-mel pictures by which the models see sound."""
