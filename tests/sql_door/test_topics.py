"""Topics that a program creates: many in one transaction, and no more than its token, or its login, may."""

import psycopg
import pytest

from broker import topics

PUBLISH_TO_MANY = "SELECT broker.publish('tenant' || n, '1') FROM generate_series(1, %s) n"
ADVISORY = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = %s"


@pytest.fixture
def limit(owner):
    """Let each token create so many topics."""

    def limit(count):
        owner.execute("UPDATE limits SET topics_per_token = %s", [count])

    yield limit
    limit(10_000)


@pytest.mark.slow
def test_a_transaction_that_publishes_to_many_topics_takes_1024_locks_at_most(owner, session):
    program = session(autocommit=False)
    program.execute(PUBLISH_TO_MANY, [2000])
    [locks] = owner.execute(ADVISORY, [program.info.backend_pid]).fetchone()
    assert locks <= 1024
    program.commit()
    assert len(topics.list_topics(["tenant*"], None, 10).items) == 10


def test_a_login_creates_no_more_topics_than_a_token_may(limit, session):
    limit(3)
    program = session()
    program.execute(PUBLISH_TO_MANY, [3])
    with pytest.raises(psycopg.DatabaseError, match="created 3 topics, and may create no more") as refused:
        program.execute("SELECT broker.publish('one-more', '1')")
    assert refused.value.sqlstate == "MB409"
    program.execute("SELECT broker.publish('tenant1', '1')")
    topics.delete("tenant3", topics.Delete(force=True))
    program.execute("SELECT broker.publish('one-more', '1')")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/topics/third/messages", {"content": 1}),
        ("POST", "/topics/third/subscriptions", {"url": "http://127.0.0.1:8000/"}),
        ("PUT", "/topics/third", {}),
    ],
)
def test_a_token_creates_no_more_topics_than_it_may(limit, client, session, method, path, body):
    limit(2)
    for name in ("first", "second"):
        assert client.request("PUT", f"/topics/{name}", {}).status == 201
    refused = client.request(method, path, body)
    assert (refused.status, refused.json["detail"]) == (409, "the caller has created 2 topics, and may create no more")
    session().execute("SELECT broker.publish('third', '1')")
    assert client.request(method, path, body).status in {200, 201}
