"""Store the message of the publish event on standard input, with psycopg only."""

import json
import os
import sys

import psycopg

content = json.dumps(json.loads(json.load(sys.stdin)["body"])["content"])
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    statement = "INSERT INTO plain (content) VALUES (%s::json) RETURNING id"
    assert connection.execute(statement, [content]).fetchone()
