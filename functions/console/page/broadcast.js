import { html, useState } from "./vendor.js";
import { Bulk } from "./bulk.js";
import { act, show } from "./dialog.js";
import { plural } from "./format.js";
import { refresh } from "./live.js";
import { call } from "./request.js";

const FEW = 1000; // ready messages: fewer are broadcast without a question

const wouldMove = (topic) => call("broadcast", { path: { topic }, query: { dry_run: true } });

// Broadcast what is ready: at once when it is little, else in a dialog that counts it first.
export async function broadcastAll(topic) {
  const counted = await wouldMove(topic).catch(() => null); // the dialog counts again, and says what is wrong
  if (!counted || counted.messages >= FEW) return show(Broadcast, { topic });
  return act("broadcast", { path: { topic } }, said, (answer) => {
    refresh();
    if (answer.remaining > 0 && answer.messages > 0) show(Broadcast, { topic });
  });
}

const said = ({ messages, subscriptions }) => {
  if (messages > 0) return `${plural(messages, "message")} to ${plural(subscriptions, "subscription")}`;
  return subscriptions > 0 ? "Nothing was ready, so nothing moved" : "Nothing moved: the topic has no subscription";
};

function Broadcast({ topic, close }) {
  const path = { topic };
  const [subscriptions, setSubscriptions] = useState(null);
  const tally = async () => {
    const counted = await wouldMove(topic);
    setSubscriptions(counted.subscriptions);
    return { count: counted.messages, exact: counted.remaining === 0 };
  };
  const step = async () => {
    const answer = await call("broadcast", { path });
    return { moved: answer.messages, complete: answer.remaining === 0 || answer.messages === 0, left: answer.remaining, answer };
  };
  return html`<${Bulk} title=${`Broadcast ${topic}`} action="Broadcast" operation="broadcast" request=${{ path }} tally=${tally} step=${step}
    done=${(messages, { answer }) => said({ ...answer, messages })} after=${refresh} close=${close}
    empty=${subscriptions === 0 ? "Nothing moves: the topic has no subscription." : "Nothing is ready."}>
    <p>All messages that are ready move to the end of the topic's log. From there the broker pushes them to ${" "}
      ${subscriptions ? plural(subscriptions, "subscription") : "each subscription"}. They do not come back to the queue.</p>
  </${Bulk}>`;
}
