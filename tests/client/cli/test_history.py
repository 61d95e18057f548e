"""history: what was published, whatever became of it."""


def test_the_history_has_what_was_consumed_too(run, topic):
    for content in ("1", "2"):
        run("publish", topic, content, "--key", f"k{content}")
    run("consume", topic, "--max", "1", "--auto-ack")
    found = run("history", topic).lines
    assert [(each["content"], each["state"]) for each in found] == [(2, "waiting"), (1, "consumed")]
    assert [each["content"] for each in run("history", topic, "--key", "k1").lines] == [1]
    assert len(run("history", topic, "--limit", "1").lines) == 1
