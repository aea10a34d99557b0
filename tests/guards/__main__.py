"""The script."""

import sys

from tests.guards import main

sys.exit(main(sys.argv[1:]))
