import { html, useState } from "./vendor.js";
import { Ask } from "./dialog.js";
import { Field } from "./fields.js";
import { SubscriptionFields, useSettings, written } from "./subscription-fields.js";

const EMPTIED = { rate_per_second: "Empty: no limit.", retry_schedule: "Empty: the broker's own." };

export function ChangeSubscription({ subscription, refresh, close }) {
  const [before] = useState(() => written(subscription));
  const { fields, set, body } = useSettings(before);
  const { topic, id, name } = subscription;
  return html`<${Ask} title=${`Change ${name}`} operation="changeSubscription" action="Change" close=${close} after=${refresh}
    request=${() => (body && Object.keys(body).length ? { path: { topic, id }, body } : null)}
    done=${(answer) => `${answer.name} is changed`}>
    <${Field} label="URL" type="url" value=${fields.url} set=${set("url")} note="With a new URL it is due at once, and has all its attempts again." />
    <${Field} label="Name" value=${fields.name} set=${set("name")} />
    <${SubscriptionFields} fields=${fields} set=${set} empty=${EMPTIED} />
  </${Ask}>`;
}
