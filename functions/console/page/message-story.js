import { html } from "./vendor.js";
import { number } from "./format.js";
import { now, relative, until } from "./time.js";

// Sentences that say why a message is where it is, made from the facts of traceMessage.

const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
const SAID = 3; // subscriptions that are named
const TRACED = 100; // subscriptions in one answer

const spell = (value) => WORDS[value] || number(value);
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const times = (value) => ["never", "once", "twice"][value] || `${spell(value)} times`;

export function messageStory(message) {
  if (message.state === "broadcast") return broadcastStory(message);
  return STORIES[message.state === "waiting" && new Date(message.ready_at) > now() ? "delayed" : message.state](message);
}

const STORIES = {
  waiting: ({ ready_at, leased_at, receives }) => [
    `This message waits in the queue. ${receives ? "It is ready again" : "It was ready"} ${relative(ready_at)};`,
    " the next consumer or broadcast takes it.",
    receives > 0 && ` It was leased ${times(receives)};`,
    receives > 0 && (leased_at ? " the last lease ended before a consumer settled it." : " the last consumer released it."),
  ],
  delayed: ({ ready_at, receives }) => [
    `This message is delayed: it is ready ${until(ready_at)}. No consumer and no broadcast takes it before.`,
    receives > 0 && ` It was leased ${times(receives)}, and released.`,
  ],
  leased: ({ ready_at, leased_at, receives }) => [
    `A consumer took this message ${relative(leased_at)}, and has it on lease: it was leased ${times(receives)}.`,
    ` Unless the consumer settles it before, the lease ends ${until(ready_at)}.`,
  ],
  dead: ({ reason, receives, died_at }) => [
    reason === "receives exhausted"
      ? `This message is a dead letter: it was leased ${times(receives)}, and no consumer acknowledged it.`
      : html`This message is a dead letter: a consumer rejected it with the reason <q>${reason}</q>.`,
    ` It died ${relative(died_at)}. A redrive returns it to the queue.`,
  ],
  consumed: () => ["A consumer acknowledged this message, or took it with auto_ack. It is finished; its content is kept for a while."],
};

// [how urgent, what is said after the name]
const CLAUSES = {
  dead: [0, ({ reason }) => ` has it as a dead letter${because(reason)}.`],
  disabled: [1, ({ reason }) => ` is disabled${because(reason)}, and gets it when it is enabled again.`],
  refused: [2, ({ reason, due_at }) => ` refused it${because(reason)} and is tried again ${until(due_at)}.`],
  resent: [3, ({ due_at }) => ` is sent it once more${due_at ? `, ${until(due_at)}` : ""}: a request asked for it.`],
  due: [3, due],
  lost: [4, () => " lost it: it was paused or disabled for too long."],
  paused: [5, () => " is paused, and gets it when it is resumed."],
  deleted: [6, () => " did not take it, and its dead letter was deleted."],
};

const because = (reason) => (reason ? ` (${reason})` : "");

function due({ reason, due_at, behind }) {
  if (reason) return ` failed${because(reason)} and is tried again ${until(due_at)}.`;
  if (behind === 1) return " gets it after one message that is before it.";
  if (behind > 1) return ` gets it after ${spell(behind)} messages that are before it.`;
  return ` gets it ${until(due_at)}.`;
}

function broadcastStory({ seq, deliveries }) {
  const open = deliveries
    .filter((delivery) => delivery.state !== "delivered")
    .sort((one, other) => CLAUSES[one.state][0] - CLAUSES[other.state][0]);
  return [
    `This message was broadcast as number ${number(seq)} of the log. `,
    deliveredTo(deliveries.length - open.length, deliveries),
    ...open.slice(0, SAID).map((delivery) => html` <b>${delivery.name}</b>${CLAUSES[delivery.state][1](delivery)}`),
    open.length > SAID && ` ${capital(spell(open.length - SAID))} more ${open.length - SAID === 1 ? "does" : "do"} not have it.`,
  ];
}

function deliveredTo(count, deliveries) {
  const all = deliveries.length;
  if (all === 0) return "No subscription of that time is left.";
  if (all === 1) return count === 1 ? html`<b>${deliveries[0].name}</b>, the only subscription, has it.` : "The only subscription does not have it.";
  if (all >= TRACED) return `${capital(spell(count))} of ${TRACED} subscriptions have it; there may be more.`;
  if (count === all) return all === 2 ? "Both subscriptions have it." : `All ${spell(all)} subscriptions have it.`;
  return `${capital(count === 0 ? "none" : spell(count))} of ${spell(all)} subscriptions ${count === 1 ? "has" : "have"} it.`;
}
