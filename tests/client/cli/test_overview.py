"""overview: rates, and the topics that need a look first."""


def test_a_program_gets_the_whole_picture(run, broker, topic):
    broker.subscribe(topic, "http://127.0.0.1:1999/", name="billing")
    broker.publish_many(topic, [{"content": n} for n in range(1001)])
    found = run("overview", "--limit", "100").item
    [shown] = [each for each in found["items"] if each["topic"] == topic]
    assert shown["ready"] == {"count": 1000, "exact": False}
    assert [each["name"] for each in shown["subscriptions"]] == ["billing"]
    assert found["published_per_second"] > 0
    exact, failed = run("overview", "--output", "raw", "--columns", "topics.exact,failed_per_second").out.split()
    assert (exact, float(failed) >= 0) == ("true", True)  # of all topics, also those of other tests
    broker.delete_topic(topic, force=True)


def test_a_person_gets_a_table_and_the_rates(run, broker, topic):
    broker.publish_many(topic, [{"content": n} for n in range(1001)])
    ran = run("overview", "--limit", "100", "--output", "table")
    [line] = [line for line in ran.out.splitlines() if line.startswith(topic)]
    assert "over 1,000" in line
    assert "published/s" in ran.err
    broker.delete_topic(topic, force=True)
