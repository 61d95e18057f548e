"""A test of a subscription: it is asked for, and its attempt awaited."""

import time

from pgbroker.cli.exits import Refused
from pgbroker.cli.session import Session
from pgbroker.types import Attempt

PATIENCE_SECONDS = 30  # an endpoint may take 15
PAUSE_SECONDS = 0.2
NEWEST = 100  # attempts: so many others may come after it


def attempt(session: Session, topic: str, subscription_id: str) -> Attempt:
    """Send a test, and return its attempt. Raises Refused when none is recorded in time."""
    webhook_id = session.broker.test_subscription(topic, subscription_id)
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        for each in session.broker.list_attempts(topic, subscription_id, limit=NEWEST).items:
            if each.webhook_id == webhook_id:
                return each
        time.sleep(PAUSE_SECONDS)
    raise Refused(f"no attempt was recorded within {PATIENCE_SECONDS} s; see the attempts for {webhook_id}")
