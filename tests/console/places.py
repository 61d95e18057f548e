"""One of each screen, over the seeded state."""

from dataclasses import asdict

from tests.console.seeded import Seeded

ROWS = "[data-row]"
# by name: the address, and what is in `main` when the screen is drawn
PLACES = {
    "overview": ("#/", "li.topic"),
    "topics": ("#/topics", ROWS),
    "messages": ("#/topics/{topic}/messages", ROWS),
    "history": ("#/topics/{topic}/history", ROWS),
    "dead letters": ("#/topics/{topic}/dead-letters", ROWS),
    "subscriptions": ("#/topics/{topic}/subscriptions", ROWS),
    "settings": ("#/topics/{topic}/settings", "form"),
    "a broadcast message": ("#/topics/{topic}/messages/{broadcast}", ROWS),
    "a dead letter": ("#/topics/{topic}/messages/{dead}", ".lines"),
    "a leased message": ("#/topics/{topic}/messages/{leased}", ".lines"),
    "a delayed message": ("#/topics/{topic}/messages/{delayed}", ".lines"),
    "a subscription that waits": ("#/topics/{topic}/subscriptions/{subscriptions[crm]}", ROWS),
    "a disabled subscription": ("#/topics/{topic}/subscriptions/{subscriptions[old-hook]}", ROWS),
    "tokens": ("#/tokens", ROWS),
    "reference": ("#/api", ".operations"),
    "one operation": ("#/api/publish", ".operations"),
    "search": ("#/search?for=nothing-of-the-kind", "h1"),
    "nowhere": ("#/nowhere", "h1"),
}


def address(name: str, seeded: Seeded) -> str:
    """Return the address of a place."""
    return PLACES[name][0].format(**asdict(seeded))
