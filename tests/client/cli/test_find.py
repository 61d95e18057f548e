"""find: a message, a subscription, and both of a webhook-id."""


def test_an_id_and_a_webhook_id_are_found(run, topic):
    message = run("publish", topic, "1").item["id"]
    subscription = run("subscriptions", "add", topic, "http://127.0.0.1:1999/hook").item["id"]
    assert run("find", message).item == {"id": message, "kind": "message", "topic": topic}
    found = run("find", f"{subscription}_1_{message}_de6dcf0fc348e364").lines
    assert [(each["kind"], each["id"]) for each in found] == [("subscription", subscription), ("message", message)]
    assert run("find", message[::-1]).code == 1
