import { html } from "./vendor.js";
import { Outcome } from "./attempts.js";
import { show } from "./dialog.js";
import { capped, number } from "./format.js";
import { State, stateOf } from "./icons.js";
import { More, usePages } from "./pages.js";
import { Answer, Curl, Do, Empty } from "./parts.js";
import { link } from "./router.js";
import { Table } from "./table.js";
import { Unsubscribe } from "./subscription-actions.js";
import { Time } from "./time.js";

const SUBSCRIPTION_HEADS = ["subscription", "state", ["behind", "number"], "last attempt", "due", ["dead letters", "number"], html`<td></td>`];

// The webhooks that the topic is pushed to, the oldest first.
export function Subscriptions({ topic }) {
  const pages = usePages("listSubscriptions", { path: { topic } });
  return html`<${Answer} answer=${pages.answer}>${() => (pages.items.length ? html`
    <${Table} label="Subscriptions" heads=${SUBSCRIPTION_HEADS}>
      ${pages.items.map((each) => html`<${SubscriptionRow} key=${each.id} topic=${topic} subscription=${each} done=${pages.refresh} />`)}</${Table}>
    ${(pages.next || pages.kept) && html`<${More} pages=${pages} />`}` : html`<${NoSubscription} topic=${topic} />`)}</${Answer}>`;
}

function SubscriptionRow({ topic, subscription, done }) {
  const { id, name, url, state, behind, last_attempt: last, due_at: due, dead_letters: dead } = subscription;
  return html`<tr data-row>
    <td class="reason"><a href=${link(["topics", topic, "subscriptions", id])}><strong>${name}</strong></a>
      ${name === url ? null : html`<br /><small>${url}</small>`}</td>
    <td><${State} of=${stateOf(subscription)} /><${SinceWhen} subscription=${subscription} /></td>
    <td class="number">${number(behind)}</td>
    <td>${last ? html`<${Outcome} attempt=${last} /><br /><small><${Time} at=${last.started_at} /></small>` : html`<span class="muted">none yet</span>`}</td>
    <td><${Time} due at=${state === "paused" || state === "disabled" ? null : due} /></td>
    <td class="number">${dead ? html`<a href=${link(["topics", topic, "dead-letters"], { subscription: id })}>${capped(dead)}</a>` : "0"}</td>
    <td><${Do} operation="unsubscribe" topic=${topic} quiet
      onClick=${() => show(Unsubscribe, { subscription, after: done })}>Unsubscribe…</${Do}></td>
  </tr>`;
}

function SinceWhen({ subscription }) {
  const { disabled_reason: reason, disabled_at: disabled, paused_at: paused, failures } = subscription;
  if (disabled) return html`<br /><small>${reason} · <${Time} at=${disabled} /></small>`;
  if (paused) return html`<br /><small><${Time} at=${paused} /></small>`;
  return failures ? html`<br /><small>${number(failures)} failed</small>` : null;
}

function NoSubscription({ topic }) {
  return html`<${Empty} title="No subscription">
    <p>A subscription gets what is broadcast from then on, by webhook. Without one a broadcast moves nothing.</p>
    <${Curl} operation="subscribe" path=${{ topic }} body=${{ url: "https://example.com/webhook" }} open />
  </${Empty}>`;
}
