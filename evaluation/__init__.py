"""The protocol: what is scored, against what, and how a scorecard is written and shown."""
