"""Imported first by the fork server of the workers, so that it ends with its parent."""

from common.interrupts import end_with_parent

end_with_parent()
