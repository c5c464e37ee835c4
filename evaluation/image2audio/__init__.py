"""The scorecard of speech that is drawn for images."""
