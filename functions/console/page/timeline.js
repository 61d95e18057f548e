import { html } from "./vendor.js";
import { duration, number } from "./format.js";
import { State } from "./icons.js";
import { link } from "./router.js";
import { useStore } from "./store.js";
import { absolute, now, relative, timeMode, until, useTick } from "./time.js";

const LONGEST = 20; // subscriptions: the table has them all

// The life of a message, from the facts of traceMessage: what came when, then what is still to come.
export function Timeline({ message, topic }) {
  const mode = useStore(timeMode);
  useTick();
  const deliveries = message.deliveries || [];
  const events = [
    { state: "published", text: `by ${message.sender}`, at: message.created_at },
    ...queued(message),
    ...deliveries.slice(0, LONGEST).map((delivery) => deliveryEvent(delivery, topic)),
  ];
  const [past, coming] = [events.filter((event) => !event.later), events.filter((event) => event.later)];
  past.sort((one, other) => (one.at && other.at ? new Date(one.at) - new Date(other.at) : 0));
  return html`<ol class="timeline" aria-label="What became of the message">
    ${[...past, ...coming].map((event, index) => html`<li key=${index} class=${event.later ? "later" : ""}>
      <${State} of=${event.state} word=${event.word} />
      <span class="text">${event.href && html`<a href=${event.href}>${event.name}</a>`}<span>${event.text}</span></span>
      <${When} event=${event} start=${message.created_at} mode=${mode} />
    </li>`)}
    ${deliveries.length > LONGEST && html`<li><span class="muted">${deliveries.length - LONGEST} more subscriptions are in the table</span></li>`}
  </ol>`;
}

function queued({ state, ready_at, leased_at, receives, died_at, reason, seq, broadcast_at }) {
  if (state === "broadcast") return [{ state, text: `as number ${number(seq)} of the log`, at: broadcast_at }];
  if (state === "consumed") return [{ state, text: "", at: null }];
  if (state === "dead") return [{ state, text: reason, at: died_at }];
  const lease = leased_at ? [{ state: "leased", text: `to a consumer, lease ${receives}`, at: leased_at }] : [];
  const waits = new Date(ready_at) > now();
  const [word, text] = state === "leased" ? ["lease ends", "unless it is settled before"] : ["ready", "for a consumer or a broadcast"];
  return [...lease, { state: "waiting", word, text, at: ready_at, later: state === "leased" || waits }];
}

function deliveryEvent({ subscription, name, state, attempt, attempted_at, due_at, behind, reason }, topic) {
  const words = [attempt && `attempt ${attempt}`, reason, !attempt && behind > 0 && `${number(behind)} before it`].filter(Boolean);
  const href = link(["topics", topic, "subscriptions", subscription]);
  const event = { state, name, href, text: words.join(", "), at: attempted_at, next: due_at };
  return attempted_at ? event : { ...event, at: due_at, next: null, later: true };
}

// The difference from the publish, and the exact time.
function When({ event: { at, next, later }, start, mode }) {
  if (!at) return null;
  const after = (new Date(at) - new Date(start)) / 1000;
  const same = absolute(at, mode).slice(0, 10) === absolute(start, mode).slice(0, 10) && at !== start;
  const words = later ? until(at) : next ? `again ${until(next)}` : at === start ? relative(at) : `+${duration(after)}`;
  return html`<span class="when"><span class="number muted">${words}</span>
    <time class="number" datetime=${at} title=${at}>${absolute(at, mode, true).slice(same ? 11 : 0)}</time></span>`;
}
