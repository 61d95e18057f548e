#!/usr/bin/env bash
# The Node.js broker's six routes, and what each is now. With `make run` in another terminal:
#
#     export TOKEN=$(cat .local/admin.token)
#     examples/from-node-broker.sh
set -euo pipefail

TOPIC=${BROKER:-http://127.0.0.1:3000}/topics/messages
CONSUMER=${CONSUMER:-http://127.0.0.1:7001/receive}
broker() { curl --silent --show-error --fail-with-body -H "Authorization: Bearer $TOKEN" "$@" && echo; }

# before: curl -X POST localhost:3000/messages -d '{"content": "hello", "sender": "producer1"}'
# now: any JSON, to a topic, of which there may be many; 201 means that it is on disk
broker "$TOPIC/messages" -d '{"content": "hello", "sender": "producer1"}'

# before: curl localhost:3000/messages
broker "$TOPIC/messages"

# before: curl localhost:3000/messages/consume
# now: a thousand at most, and each to one consumer. Without auto_ack they are leased: the README says why that is better
broker "$TOPIC/consume" -d '{"max": 1000, "auto_ack": true}'

# before: curl -X POST localhost:3000/messages/subscribe -d '{"consumer": "http://localhost:7001"}', and /receive was added
# now: the whole url. The answer has the secret that signs what is sent to it
broker "$TOPIC/subscriptions" -d "{\"url\": \"$CONSUMER\"}"

# before: curl localhost:3000/messages/send
# now: one that does not answer is tried again for three days; before, it missed them
broker "$TOPIC/messages" -d '{"content": "hello, all", "sender": "producer1"}'
broker -X POST "$TOPIC/broadcast"

# before: curl -X POST localhost:3000/messages/unsubscribe -d '{"consumer": "http://localhost:7001"}'
# now: what is still owed to it is dropped, so give the message above a moment
sleep 1
broker --get -X DELETE "$TOPIC/subscriptions" --data-urlencode "url=$CONSUMER"
