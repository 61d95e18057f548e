"""Receive webhooks in an AWS Lambda function, whose handler is aws_lambda.orders"""

import os

from pgbroker.webhooks import Delivery
from pgbroker.webhooks.aws_lambda import webhook


@webhook(os.environ["SECRET"])
def orders(delivery: Delivery) -> None:
    for message in delivery.messages:
        print(message.seq, message.content)
