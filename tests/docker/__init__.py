"""Tests of the Docker image of the local runner: `make docker-test`. `make test` does not run them."""
