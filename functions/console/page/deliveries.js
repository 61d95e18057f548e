import { html, useState } from "./vendor.js";
import { Attempts } from "./attempts.js";
import { Ask, show } from "./dialog.js";
import { number } from "./format.js";
import { State } from "./icons.js";
import { Do } from "./parts.js";
import { link } from "./router.js";
import { may } from "./session.js";
import { showSent } from "./sent.js";
import { Opener, Table } from "./table.js";
import { Time } from "./time.js";

const RESENT = ["delivered", "refused", "resent", "deleted", "lost"]; // others it gets anyway, or by a redrive

// The state of a broadcast message at each subscription. A row opens its attempts.
export function Deliveries({ topic, message, refresh }) {
  const acts = may("resend", topic) || may("redrive", topic);
  const opens = may("listAttempts", topic);
  const heads = ["state", "subscription", ["attempt", "number"], "attempted", "next", "why", opens && "attempts", acts && "actions"];
  return html`<${Table} label="Subscriptions" heads=${heads}>
    ${message.deliveries.map((delivery) => html`<${DeliveryRow} key=${delivery.subscription} delivery=${delivery} topic=${topic}
      message=${message} acts=${acts} opens=${opens} refresh=${refresh} />`)}
  </${Table}>`;
}

function DeliveryRow({ delivery, topic, message, acts, opens, refresh }) {
  const [open, setOpen] = useState(false);
  const { subscription, name, state, attempt, attempted_at, due_at, behind, reason } = delivery;
  const ask = (dialog) => () => show(dialog, { topic, message, delivery, refresh });
  return html`<tr data-row>
      <td class="tight"><${State} of=${state} /></td>
      <td class="reason"><a href=${link(["topics", topic, "subscriptions", subscription])}>${name}</a></td>
      <td class="number tight">${number(attempt)}</td>
      <td class="tight"><${Time} at=${attempted_at} /></td>
      <td class="tight"><${Time} at=${due_at} due=${true} /></td>
      <td class="reason">${reason || (behind > 0 ? `${number(behind)} before it` : "–")}</td>
      ${opens && html`<td class="tight"><${Opener} open=${open} set=${setOpen} what=${`the attempts of ${name}`} /></td>`}
      ${acts && html`<td class="tight"><div class="buttons">
        ${state === "dead" && html`<${Do} operation="redrive" topic=${topic} quiet onClick=${ask(Redrive)}>Redrive…</${Do}>`}
        ${RESENT.includes(state) && html`<${Do} operation="resend" topic=${topic} quiet onClick=${ask(Resend)}>Resend…</${Do}>`}
      </div></td>`}
    </tr>
    ${open && html`<tr class="opened"><td colspan=${6 + opens + acts}>
      <${Attempts} topic=${topic} subscription=${subscription} seq=${message.seq} /></td></tr>`}`;
}

export function Redrive({ topic, message, delivery, refresh, close }) {
  const body = { ids: [message.id], ...(delivery && { subscription: delivery.subscription }) };
  return html`<${Ask} title="Redrive this message" operation="redrive" action="Redrive" close=${close}
    request=${() => ({ path: { topic }, body })}
    done=${({ redriven }) => (redriven ? "The message is redriven" : "It was not a dead letter any more")} after=${refresh}>
    <p>${delivery
      ? html`It is sent to <b>${delivery.name}</b> again, with all attempts.`
      : "It returns to the queue with its id, and can be leased as often as the topic says."}</p>
  </${Ask}>`;
}

function Resend({ topic, message, delivery, refresh, close }) {
  const request = () => ({ path: { topic, id: message.id }, body: { subscription: delivery.subscription } });
  const after = (answer) => {
    refresh();
    showSent({ topic, id: delivery.subscription, name: delivery.name }, answer.webhook_id);
  };
  return html`<${Ask} title="Resend this message" operation="resend" action="Resend" request=${request} after=${after} close=${close}>
    <p>It is sent to <b>${delivery.name}</b> once more, on its own, whatever became of it there. Other subscriptions do not get it again.</p>
  </${Ask}>`;
}
