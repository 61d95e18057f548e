"""The console in a real browser, against a real `make run`: `make console-test`. `make test` does not run them."""
