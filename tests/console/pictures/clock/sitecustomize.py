"""Under libfaketime that leaves the monotonic clock alone, Python's `time.sleep` is refused: this one is not."""

import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
