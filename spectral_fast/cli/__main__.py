"""``python -m spectral_fast.cli``."""

import sys

from spectral_fast.cli import main

sys.exit(main())
