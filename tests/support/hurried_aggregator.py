"""An aggregator whose watchdog loses patience after a second: `python -m tests.support.hurried_aggregator`."""

import sys

import aggregator.watchdog
from aggregator.__main__ import main

if __name__ == "__main__":
    aggregator.watchdog.SILENCE_S = 1.0
    sys.exit(main())
