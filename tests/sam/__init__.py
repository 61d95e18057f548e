"""The broker under AWS's own `sam local`, in Docker: `make sam-test`. `make test` leaves it out."""
