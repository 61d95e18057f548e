"""The image of the local runner: `make docker-test`. `make test` leaves it out."""
