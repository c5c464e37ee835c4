"""What every package may use: errors, command lines, atomic files, plots."""
