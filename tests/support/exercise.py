"""`python -m tests.support.exercise`: use each function of a tree once, with the database of the environment.

The tree may be older than this program, which is copied into it: so it uses only what the tests of the first release
have. It prints what each step answered, as JSON.
"""

import json
import os

from broker import database
from tests.support.client import Client, Context, app


def main() -> None:
    client, answers = Client(os.environ["BROKER_TOKEN"]), {}

    def step(name: str, response: object) -> object:
        answers[name] = getattr(response, "status", response)
        return response

    client.post("/topics/pairs/messages", {"content": "left by another"})
    step("put", client.put("/topics/pairs", {"lease_seconds": 60}))
    step("publish", client.post("/topics/pairs/messages", {"messages": [{"content": each} for each in range(4)]}))
    leased = client.post("/topics/pairs/consume", {"max": 2})
    receipts = [message["receipt"] for message in step("consume", leased).json["messages"]]
    step("settle", client.post("/topics/pairs/settle", {"ack": receipts[:1], "reject": receipts[1:]}))
    subscribed = step("subscribe", client.post("/topics/pairs/subscriptions", {"url": "https://shop.example.com/"}))
    here = f"/topics/pairs/subscriptions/{subscribed.json['id']}"
    step("pause", client.patch(here, {"paused": True}))
    step("broadcast", client.post("/topics/pairs/broadcast"))
    step("topic", client.get("/topics/pairs"))
    step("topics", client.get("/topics"))
    step("dead letters", client.get("/topics/pairs/dead-letters"))
    step("redrive", client.post("/topics/pairs/dead-letters/redrive", {}))
    minted = step("mint", client.post("/tokens", {"name": "pairs", "scopes": ["publish"]}))
    step("tokens", client.get("/tokens"))
    step("publish with it", Client(minted.json["token"]).post("/topics/pairs/messages", {"content": 1}))
    step("revoke", client.delete(f"/tokens/{minted.json['id']}"))
    sweep = {"messageId": "1", "body": '{"wake_up": {"sweep": true}}', "attributes": {"ApproximateReceiveCount": "1"}}
    step("dispatch", app("dispatch").handler({"Records": [sweep]}, Context()))
    step("maintain", sorted(app("maintain").handler({}, Context())))
    step("unsubscribe", client.delete(here))
    print(json.dumps(answers))  # noqa: T201
    database.functions.close()


if __name__ == "__main__":
    main()
