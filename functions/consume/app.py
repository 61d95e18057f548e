"""Lease a topic's messages to whoever asks, and take back their receipts."""

from broker import api
from broker.queue import leases

app = api.Application()
handler = app.handler


@app.route("POST /topics/{topic}/consume", scope="consume")
def consume(call: api.Call) -> api.Answer:
    leased = leases.consume(call.topic, call.body(leases.Consume))
    call.count = len(leased)
    return api.ok({"messages": leased})


@app.route("POST /topics/{topic}/settle", scope="consume")
def settle(call: api.Call) -> api.Answer:
    return api.ok(leases.settle(call.topic, call.body(leases.Settle)))


@app.route("DELETE /topics/{topic}/leases/{receipt}", scope="consume")
def ack(call: api.Call) -> api.Answer:
    leases.ack(call.topic, call.path("receipt", leases.Receipt))
    return api.no_content()
