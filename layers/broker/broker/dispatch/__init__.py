"""Dispatch: which subscription is due, what it is sent, and when. It has the database and no internet."""
