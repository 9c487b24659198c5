"""`python -m bridge …` is `infrafabric-bridge …`."""

import sys

from bridge.cli import main

sys.exit(main())
