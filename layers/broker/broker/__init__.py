"""A serverless message broker on PostgreSQL, called pgbroker outside of this repository.

The package has seven rooms, the SQL, and a flat ground:

    queue       publish, wait, lease, settle, dead letters
    pubsub      move the queue to the log; subscriptions, which read it
    dispatch    what is due, to which webhook, and when: has the database and no internet
    webhooks    one POST, and what its response means: has the internet and no database
    transport   what travels between dispatch and webhooks over two SQS queues
    aws         signed calls to SQS and Secrets Manager
    schema      what runs as the owner of the schema: migrations, rights, maintenance
    sql         the tables, and one SQL function for each operation above

    api         HTTP on Lambda; only functions/ import it
    topics, tokens, and the ground: database, session, errors, fields, json_input, pagination, settings, deadlines,
    telemetry, token_format

A message's way: queue.messages stores it; queue.leases leases it to a consumer, or pubsub.broadcasts moves it to the
log. Then dispatch.notifier sends a wake-up, dispatch.dispatcher takes it, dispatch.planner leases the subscriptions
that are due and signs their batches, webhooks.worker posts them, webhooks.outcomes judges the responses, and
dispatch.planner records what each one means.

in_process does the same in one process where there are no queues, as under `sam local`.
docs/explanation/architecture.md has the words, the drawings and the rules.
"""

__version__ = "0.2.0"
