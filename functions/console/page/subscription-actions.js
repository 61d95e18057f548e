import { html, useState } from "./vendor.js";
import { act, Ask, show } from "./dialog.js";
import { plural } from "./format.js";
import { Do } from "./parts.js";
import { go, link } from "./router.js";
import { Secret } from "./secret.js";
import { absolute, timeMode } from "./time.js";

// What is done at once to a subscription: [the button's words, what is sent, what is said then].
const TURNS = {
  enable: ["Enable again", { disabled: false }, "is enabled again"],
  retry: ["Try now", { paused: false }, "is tried now"], // one that waits is due at once when it is resumed
  resume: ["Resume", { paused: false }, "is resumed"],
  pause: ["Pause", { paused: true }, "is paused"],
};

// Its button. `named`: with the name of the subscription in its own.
export function Turn({ kind, topic, subscription: { id, name, behind }, refresh, named, primary }) {
  const [words, body, done] = TURNS[kind];
  const rest = kind !== "pause" && behind > 0 ? `: ${plural(behind, "message")} to send` : "";
  const turn = () => act("changeSubscription", { path: { topic, id }, body }, `${name} ${done}${rest}`, refresh);
  return html`<${Do} operation="changeSubscription" topic=${topic} primary=${primary} label=${named && `${words}: ${name}`} onClick=${turn}>
    ${words}</${Do}>`;
}

const OVERLAPS = [
  [0, "none: older secrets end at once"],
  [3600, "1 hour"],
  [86400, "1 day"],
  [604800, "7 days"],
  [2592000, "30 days"],
];

export function Rotate({ subscription, refresh, close }) {
  const [overlap, setOverlap] = useState(86400);
  const { topic, id, name } = subscription;
  const after = (answer) => {
    refresh();
    const until = answer.old_secrets_until;
    const children = until
      ? `Older secrets are valid too, until ${absolute(until, timeMode.get())}.`
      : "Older secrets are not valid any more.";
    show(Secret, { title: `The new secret of ${name}`, secret: answer.secret, children });
  };
  return html`<${Ask} title=${`Rotate the secret of ${name}`} operation="rotateSecret" action="Rotate the secret" close=${close} after=${after}
    request=${() => ({ path: { topic, id }, body: { overlap_seconds: overlap } })}>
    <p>The broker signs with the new secret at once. During the overlap it also signs with the older ones, so that the receiver has time to change.</p>
    <label>Overlap<select value=${overlap} onChange=${(event) => setOverlap(Number(event.target.value))}>
      ${OVERLAPS.map(([seconds, text]) => html`<option key=${seconds} value=${seconds}>${text}</option>`)}</select></label>
  </${Ask}>`;
}

// `after`: else the subscriptions of the topic are shown.
export function Unsubscribe({ subscription, after, close }) {
  const { topic, id, name, url, behind, redeliveries } = subscription;
  const missed = plural(behind + redeliveries, "message");
  const shown = link(["topics", topic, "subscriptions"]);
  return html`<${Ask} title=${`Unsubscribe ${name}`} operation="unsubscribe" action="Unsubscribe" danger typed=${behind > 0 ? name : undefined} close=${close}
    request=${() => ({ path: { topic, id } })} done=${() => `${name} is unsubscribed`} after=${after || (() => go(shown))}>
    <p>Nothing is sent to <code>${url}</code> any more.${" "}
      ${behind + redeliveries > 0 && html`It is not sent the <b>${missed}</b> that it does not have yet.`}</p>
  </${Ask}>`;
}
