"""`python -m gateway_space`."""

import sys

from .cli import main

sys.exit(main())
