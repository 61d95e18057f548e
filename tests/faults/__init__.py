"""What is left after crashes and faults, in real processes: `make test-faults`. `make test` leaves it out."""
