"""`pip install .` ends here: the scripts run from the checkout."""

import sys

sys.exit(
    "error: synesthesia is run from its checkout, there is nothing to install: "
    "`make setup`, then `python train.py --model cgan` (see README.md)"
)
