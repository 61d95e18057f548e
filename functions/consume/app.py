"""Lease a topic's messages to consumers, and settle their receipts."""

from broker import api
from broker.queue import leases

app = api.Application()
handler = app.handler


@app.route("POST /topics/{topic}/consume", scope="consume")
def consume(request: api.Request) -> api.Response:
    return api.ok({"messages": leases.consume(request.topic, request.body(leases.Consume))})


@app.route("POST /topics/{topic}/settle", scope="consume")
def settle(request: api.Request) -> api.Response:
    return api.ok(leases.settle(request.topic, request.body(leases.Settle)))


@app.route("DELETE /topics/{topic}/leases/{receipt}", scope="consume")
def ack(request: api.Request) -> api.Response:
    leases.ack(request.topic, request.path("receipt", leases.Receipt))
    return api.no_content()
