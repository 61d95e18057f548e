"""Receive webhooks with any ASGI server: SECRET=whsec_… uvicorn asgi_app:orders --port 7001"""

import os

from pgbroker.webhooks import Delivery
from pgbroker.webhooks.asgi import webhook


@webhook(os.environ["SECRET"])
async def orders(delivery: Delivery) -> None:
    for message in delivery.messages:
        print(message.seq, message.content)
