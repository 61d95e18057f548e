"""resend: a message is sent to a subscription once more."""

from tests.support.runner import until


def test_a_delivered_message_is_sent_once_more(run, broker, topic, endpoint):
    broker.subscribe(topic, endpoint.url, name="billing")
    message = broker.publish(topic, 1)
    assert run("resend", topic, message, "billing").problem["detail"].startswith("the message is not in the log")
    run("broadcast", topic)
    until(lambda: broker.list_subscriptions(topic).items[0].behind == 0)
    resent = run("resend", topic, message, "billing").item
    *_, again = endpoint.wait_for(2)
    assert (resent["seq"], resent["webhook_id"]) == (1, again.headers["webhook-id"])


def test_what_waits_to_be_sent_once_more_is_explained(run, broker, topic, endpoint):
    subscription = broker.subscribe(topic, endpoint.url, name="billing")
    message = broker.publish(topic, 1)
    run("broadcast", topic)
    until(lambda: broker.list_subscriptions(topic).items[0].behind == 0)
    broker.change_subscription(topic, subscription.id, paused=True)
    run("resend", topic, message, "billing")
    explained = run("explain", topic, message, "--output", "table").out
    assert "to billing: asked for once more, attempt 1" in explained
    assert "1 of 1 subscriptions do not have it yet." in explained
