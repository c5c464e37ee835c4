"""The one trainer: updates, averages, checkpoints and logs every model in the same way."""
