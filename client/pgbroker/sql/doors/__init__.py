"""A door for each library: it runs a statement, and fetches the value of its one row."""
