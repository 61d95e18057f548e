"""The time of a call: a lease begins when it is given, and in a procedure that commits in a loop time moves on."""

from datetime import timedelta

import pytest

from broker import topics

SLOW_CONSUMER = """
DO $$
DECLARE
    v_receipt text;
BEGIN
    COMMIT;
    PERFORM pg_sleep(1.1);
    SELECT receipt INTO v_receipt FROM broker.consume('orders', 1, 1);
    COMMIT;
    IF v_receipt IS NULL OR EXISTS (SELECT FROM broker.consume('orders', 1, 1)) THEN
        RAISE 'the lease of % had ended when it was given', v_receipt;
    END IF;
END
$$
"""
SLOW_HOLDER = """
DO $$
BEGIN
    PERFORM pg_sleep(1.1);
    PERFORM broker.settle('orders', json_build_object('extend', json_build_array(
        json_build_object('receipt', '{receipt}', 'lease_seconds', 1))));
    COMMIT;
    IF EXISTS (SELECT FROM broker.consume('orders')) THEN
        RAISE 'the extended lease had ended when it was given';
    END IF;
END
$$
"""
WAITING_CONSUMER = """
CREATE PROCEDURE pg_temp.consume_after_another(INOUT content json) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_lock(7);
    COMMIT;
    SELECT c.content INTO content FROM broker.consume('orders') c;
END
$$
"""


@pytest.mark.slow
def test_a_lease_given_late_in_a_long_statement_is_not_over(orders, session):
    orders.publish("a")
    session().execute(SLOW_CONSUMER)


@pytest.mark.slow
def test_a_lease_extended_late_in_a_long_statement_is_not_over(orders, session):
    orders.publish("a")
    [leased] = orders.consume()
    session().execute(SLOW_HOLDER.format(receipt=leased.receipt))


def test_a_lease_extended_after_a_wait_for_its_row_is_not_over(orders, owner, session, background):
    orders.publish("a")
    [leased] = orders.consume()
    extend = f'{{"extend": [{{"receipt": "{leased.receipt}", "lease_seconds": 1}}]}}'
    with owner.transaction():
        owner.execute("SELECT FROM queue FOR UPDATE")
        extending = background(session(), "SELECT extended FROM broker.settle('orders', %s::json)", extend)
        [(until,)] = owner.execute("SELECT clock_timestamp() FROM pg_sleep(0.01)")
    assert extending.result() == [(1,)]
    assert orders.rows()[leased.id]["ready_at"] >= until + timedelta(seconds=1)


def test_a_procedure_that_commits_sees_what_was_published_since_it_began(orders, session, background):
    topics.put("orders", topics.Put())
    program, other = session(), session()
    program.execute(WAITING_CONSUMER)
    other.execute("SELECT pg_advisory_lock(7)")
    consuming = background(program, "CALL pg_temp.consume_after_another(NULL)")
    orders.publish("a")
    other.close()
    assert consuming.result() == [("a",)]
