"""Tests of the broker in AWS's own `sam local`, in Docker: `make sam-test`. `make test` does not run them."""
