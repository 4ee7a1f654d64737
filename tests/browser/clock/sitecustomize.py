"""A site whose clock is ahead: put on its PYTHONPATH by a test, with ``TEST_CLOCK_AHEAD`` in seconds."""

import os
from datetime import UTC, datetime, timedelta

if os.environ.get("TEST_CLOCK_AHEAD"):
    import time_machine

    ahead = timedelta(seconds=float(os.environ["TEST_CLOCK_AHEAD"]))
    time_machine.travel(datetime.now(UTC) + ahead, tick=True).start()
