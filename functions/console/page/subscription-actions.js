import { html, useState } from "./vendor.js";
import { act, Ask, Dialog, show } from "./dialog.js";
import { plural } from "./format.js";
import { Copy } from "./parts.js";
import { go, link } from "./router.js";
import { absolute, timeMode } from "./time.js";

// A resumed subscription is due at once, with all its attempts again: so one that waits is paused and resumed.
export async function tryNow({ topic, id, name }, refresh) {
  const request = (paused) => ({ path: { topic, id }, body: { paused } });
  if (await act("changeSubscription", request(true), `${name} is paused`)) {
    await act("changeSubscription", request(false), `${name} is tried now`, refresh);
  }
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
    show(Secret, { ...answer, name });
  };
  return html`<${Ask} title=${`Rotate the secret of ${name}`} operation="rotateSecret" action="Rotate the secret" close=${close} after=${after}
    request=${() => ({ path: { topic, id }, body: { overlap_seconds: overlap } })}>
    <p>The broker signs with the new secret at once. During the overlap it also signs with the older ones, so that the receiver has time to change.</p>
    <label>Overlap<select value=${overlap} onChange=${(event) => setOverlap(Number(event.target.value))}>
      ${OVERLAPS.map(([seconds, text]) => html`<option key=${seconds} value=${seconds}>${text}</option>`)}</select></label>
  </${Ask}>`;
}

function Secret({ secret, old_secrets_until, name, close }) {
  return html`<${Dialog} title=${`The new secret of ${name}`} close=${close}>
    <p><strong>It is shown only now.</strong> Copy it to the receiver before you close this.</p>
    <p class="secret"><code>${secret}</code></p>
    <p class="muted">${old_secrets_until ? `Older secrets are valid too, until ${absolute(old_secrets_until, timeMode.get())}.` : "Older secrets are not valid any more."}</p>
    <div class="buttons"><${Copy} text=${secret} label="Copy" what="the secret" /><button type="button" class="primary" onClick=${close}>I have it</button></div>
  </${Dialog}>`;
}

export function Unsubscribe({ subscription, close }) {
  const { topic, id, name, behind, redeliveries } = subscription;
  return html`<${Ask} title=${`Unsubscribe ${name}`} operation="unsubscribe" action="Unsubscribe" danger typed=${behind > 0 ? name : undefined} close=${close}
    request=${() => ({ path: { topic, id } })} done=${() => `${name} is unsubscribed`} after=${() => go(link(["topics", topic, "subscriptions"]))}>
    <p>The subscription is deleted.${behind + redeliveries > 0 ? html` It is not sent the <b>${plural(behind + redeliveries, "message")}</b> that it does not have yet.` : ""}</p>
  </${Ask}>`;
}
