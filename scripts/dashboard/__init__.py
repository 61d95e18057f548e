"""The dashboard's picture for docs/how-to/watch.md."""
