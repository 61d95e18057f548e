"""Receive webhooks with Flask: SECRET=whsec_… flask --app flask_app run --port 7001"""

import os

from flask import Flask

from pgbroker.webhooks import Delivery
from pgbroker.webhooks.flask import webhook

app = Flask(__name__)


@app.post("/orders")
@webhook(os.environ["SECRET"])
def orders(delivery: Delivery) -> None:
    for message in delivery.messages:
        print(message.seq, message.content)
