"""The command line. Each command is imported when it is used, and imports httpx2 and rich only when it needs them."""
