"""AWS: signed calls without an SDK, which would take longer to import than all else that a cold start does."""
