"""publish: one message, from the command line, a file or standard input."""

import msgspec


def content(broker, topic):
    [waiting] = broker.browse_messages(topic, type=msgspec.Raw).items
    return bytes(waiting.content)


def test_a_message_is_published_byte_for_byte(run, broker, topic):
    published = run("publish", topic, ' {"total": 1.10, "big": 12345678901234567890123} ')
    assert published.code == 0
    assert list(published.item) == ["id"]
    assert content(broker, topic) == b'{"total": 1.10, "big": 12345678901234567890123}'


def test_its_fields_are_options(run, broker, topic):
    options = ["--key", "none", "--sender", "shop", "--attribute", "kind=new", "--attribute", "note=a=b"]
    assert run("publish", topic, "1", *options).code == 0
    [waiting] = broker.browse_messages(topic).items
    assert (waiting.key, waiting.sender, waiting.attributes) == ("none", "shop", {"kind": "new", "note": "a=b"})


def test_the_content_may_come_from_standard_input(run, broker, topic):
    assert run("publish", topic, stdin='{"a": 1}\n').code == 0
    assert content(broker, topic) == b'{"a": 1}'


def test_the_content_may_come_from_a_file(run, broker, topic, tmp_path):
    (tmp_path / "order.json").write_text("[1, 2]")
    assert run("publish", topic, "--file", str(tmp_path / "order.json")).code == 0
    assert content(broker, topic) == b"[1, 2]"


def test_a_text_needs_no_quotes(run, broker, topic):
    assert run("publish", topic, "--text", 'say "hi"').code == 0
    assert content(broker, topic) == rb'"say \"hi\""'


def test_what_is_not_json_is_refused_here(run, broker, topic):
    for wrong in ('{"a": 1},"key":"injected"', "NaN", "", '{"a"}', "hello"):
        refused = run("publish", topic, wrong or "-")
        assert refused.code == 1
        assert refused.problem["detail"].startswith("the content is not JSON: ")
    assert broker.browse_messages(topic).items == []


def test_the_same_key_stores_one_message(run, broker, topic):
    first = run("publish", topic, "1", "--idempotency-key", "once")
    assert run("publish", topic, "1", "--idempotency-key", "once").item == first.item
    assert len(broker.browse_messages(topic).items) == 1
    assert run("publish", topic, "2", "--idempotency-key", "once").code == 1


def test_content_given_twice_is_refused(run, tmp_path):
    (tmp_path / "a").write_text("1")
    assert run("publish", "a", "1", "--file", str(tmp_path / "a")).code == 2
    assert run("publish", "a", "1", "--lines").code == 2
