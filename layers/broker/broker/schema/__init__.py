"""Schema: what runs as the owner of the schema broker."""
