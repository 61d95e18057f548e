"""Crashes and faults of real processes: no promise may break. `make test-faults` runs them, `make test` does not."""
