"""Queue: messages that wait, the leases on them, and dead letters."""
