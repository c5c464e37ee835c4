"""Imported first by a script: see `interrupts.guard_imports` and `interrupts.end_with_parent`."""

from common import interrupts

interrupts.guard_imports()
interrupts.end_with_parent()
