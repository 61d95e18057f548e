"""Have effects in PostgreSQL exactly once: SECRET=… DATABASE=postgresql://… flask --app exactly_once run -p 7001"""

import os

import psycopg
from flask import Flask

from pgbroker.webhooks import Answer, Delivery, failed
from pgbroker.webhooks.flask import webhook
from pgbroker.webhooks.seen import TABLE, PostgresSeen

app = Flask(__name__)

with psycopg.connect(os.environ["DATABASE"]) as connection:
    connection.execute(TABLE)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS stock (item text PRIMARY KEY, count int NOT NULL CHECK (count >= 0))"
    )

TAKE = "UPDATE stock SET count = count - 1 WHERE item = %s"


@app.post("/all-or-nothing")
@webhook(os.environ["SECRET"])
def take_all(delivery: Delivery) -> None:
    with psycopg.connect(os.environ["DATABASE"]) as connection:
        for message in delivery.new(PostgresSeen(connection)):
            connection.execute(TAKE, [message.content["item"]])


@app.post("/one-by-one")
@webhook(os.environ["SECRET"])
def take_each(delivery: Delivery) -> Answer:
    refused = []
    with psycopg.connect(os.environ["DATABASE"]) as connection:
        seen = PostgresSeen(connection)
        for message in delivery.messages:
            try:
                with connection.transaction():
                    if seen.add(delivery.seen_id(message)):
                        connection.execute(TAKE, [message.content["item"]])
            except psycopg.errors.CheckViolation:
                refused.append(message.id)
    return failed(refused)
