"""For tests of your program: a broker in memory, a real one on this machine, and fixtures for pytest."""

from pgbroker.testing.memory import MemoryBroker
from pgbroker.testing.running import NotStarted, running

__all__ = ["MemoryBroker", "NotStarted", "running"]
