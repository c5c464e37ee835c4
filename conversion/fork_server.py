"""Imported first by the fork server: it ends with its parent, and its workers print nothing."""

from common.interrupts import end_with_parent, guard_imports

guard_imports(quietly=True)
end_with_parent()
