"""Receive webhooks with FastAPI: SECRET=whsec_… uvicorn fastapi_app:app --port 7001"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI

from pgbroker.webhooks import Delivery
from pgbroker.webhooks.fastapi import webhook

app = FastAPI()


@app.post("/orders")
def orders(delivery: Annotated[Delivery, Depends(webhook(os.environ["SECRET"]))]) -> None:
    for message in delivery.messages:
        print(message.seq, message.content)
