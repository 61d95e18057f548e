"""Receive webhooks with any WSGI server: SECRET=whsec_… python3 wsgi_app.py 7001"""

import os
import sys
from wsgiref.simple_server import make_server

from pgbroker.webhooks import Delivery
from pgbroker.webhooks.wsgi import webhook


@webhook(os.environ["SECRET"])
def orders(delivery: Delivery) -> None:
    for message in delivery.messages:
        print(message.seq, message.content)


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), orders).serve_forever()
