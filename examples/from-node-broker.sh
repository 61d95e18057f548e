#!/usr/bin/env bash
# The six routes of the Node.js broker, and the requests that replace them. With `make run` in another terminal:
#
#     export TOKEN=$(cat .local/admin.token)
#     examples/from-node-broker.sh
set -euo pipefail

TOPIC=${BROKER:-http://127.0.0.1:3000}/topics/messages
CONSUMER=${CONSUMER:-http://127.0.0.1:7001/receive}
broker() { curl --silent --show-error --fail-with-body -H "Authorization: Bearer $TOKEN" "$@" && echo; }

# before: curl -X POST localhost:3000/messages -d '{"content": "hello", "sender": "producer1"}'
# now: content is any JSON; there may be many topics; 201 means that the message is on disk
broker "$TOPIC/messages" -d '{"content": "hello", "sender": "producer1"}'

# before: curl localhost:3000/messages
broker "$TOPIC/messages"

# before: curl localhost:3000/messages/consume
# now: at most 1,000, each to one consumer. Without auto_ack messages are leased, which is safer: a crash loses none
broker "$TOPIC/consume" -d '{"max": 1000, "auto_ack": true}'

# before: curl -X POST localhost:3000/messages/subscribe -d '{"consumer": "http://localhost:7001"}', and /receive was added
# now: the whole URL. The response has the secret that signs the webhooks
broker "$TOPIC/subscriptions" -d "{\"url\": \"$CONSUMER\"}"

# before: curl localhost:3000/messages/send
# now: an endpoint that does not respond is retried for about three days; before, it missed the messages
broker "$TOPIC/messages" -d '{"content": "hello, all", "sender": "producer1"}'
broker -X POST "$TOPIC/broadcast"

# before: curl -X POST localhost:3000/messages/unsubscribe -d '{"consumer": "http://localhost:7001"}'
# now: messages that it has not received are dropped, so wait a second for the message above
sleep 1
broker --get -X DELETE "$TOPIC/subscriptions" --data-urlencode "url=$CONSUMER"
